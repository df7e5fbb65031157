import { once } from "node:events";
import wwebjs from "whatsapp-web.js";
import type { Simulator } from "./simulator.ts";
import { createProfile, launchBrowser } from "./test-browser.ts";

export const { MessageMedia } = wwebjs;
export type Client = InstanceType<typeof wwebjs.Client>;
type Profile = Awaited<ReturnType<typeof createProfile>>;

/** The library as it is, in a browser of its own on this profile. */
const startClient = async (simulator: Simulator, profile: Profile) => {
  const browser = await launchBrowser(profile.path, simulator.browserArgs());
  const client = new wwebjs.Client({
    webVersionCache: { type: "none" },
    puppeteer: { browserWSEndpoint: browser.wsEndpoint },
  });
  const qr = once(client, "qr").then(([code]) => String(code));
  const ready = once(client, "ready");
  await client.initialize();
  return { client, browser, qr, ready };
};

/** Profiles and browsers of one test, ended together. */
export const createBench = (simulator: Simulator) => {
  const endings: (() => Promise<unknown>)[] = [];

  const profile = async () => {
    const made = await createProfile();
    endings.unshift(made.remove);
    return made;
  };

  const start = async (on: Profile) => {
    const started = await startClient(simulator, on);
    endings.unshift(() => started.browser.end("SIGKILL"));
    return started;
  };

  return {
    profile,
    start,
    /** A client that is linked to this account and ready. */
    link: async (phoneNumber: string, on?: Profile) => {
      const started = await start(on ?? (await profile()));
      await simulator.control.scan(await started.qr, { phoneNumber });
      await started.ready;
      return started;
    },
    close: async () => {
      for (const end of endings) await end();
      await simulator.close();
    },
  };
};
export type Bench = ReturnType<typeof createBench>;

/** Resolves when the message with this body gets this ack. */
export const ackOf = (client: Client, body: string, level: number): Promise<void> =>
  new Promise((resolve) => {
    const listen = (message: { body: string }, ack: number) => {
      if (message.body !== body || ack !== level) return;
      client.off("message_ack", listen);
      resolve();
    };
    client.on("message_ack", listen);
  });
