import { createHash } from "node:crypto";
import type { Simulator } from "@whatsapp-engine/simulator";
import { createProfile, launchBrowser } from "@whatsapp-engine/simulator/test-browser";
import wwebjs from "whatsapp-web.js";
import { timed, timedMany } from "./statistics.ts";

/**
 * The yardstick of every run: the unmodified library in this process, on the same simulated page and the same kind of
 * browser, nothing durable. A send counts when its ack 1 has come.
 */
export async function measureLibraryAlone(simulator: Simulator, phoneNumber: string, image: Buffer) {
  const profile = await createProfile();
  let browser: Awaited<ReturnType<typeof launchBrowser>> | undefined;
  try {
    let client: InstanceType<typeof wwebjs.Client> | undefined;
    let code = "";
    const startToQr = await timed(async () => {
      browser = await launchBrowser(profile.path, simulator.browserArgs());
      client = new wwebjs.Client({
        puppeteer: { browserWSEndpoint: browser.wsEndpoint },
        webVersionCache: { type: "none" },
      });
      const first = new Promise<string>((resolve) => client?.once("qr", resolve));
      void client.initialize();
      code = await first;
    });
    if (!client) throw new Error("no client");
    const connected = client;
    const ready = new Promise<void>((resolve) => connected.once("ready", () => resolve()));
    await simulator.control.scan(code, { phoneNumber });
    await ready;

    const acknowledged = new Map<string, () => void>();
    const early = new Set<string>();
    connected.on("message_ack", (message, ack) => {
      const id = message.id._serialized;
      if (Number(ack) < 1) return;
      const waiting = acknowledged.get(id);
      if (waiting) waiting();
      else early.add(id);
    });
    const send = async (content: string | InstanceType<typeof wwebjs.MessageMedia>, n = 0) => {
      const message = await connected.sendMessage(`628111111111${n % 10}@c.us`, content, {
        sendSeen: false,
        linkPreview: false,
      });
      const id = message.id._serialized;
      if (!early.delete(id) && message.ack < 1)
        await new Promise<void>((resolve) => acknowledged.set(id, resolve));
    };
    await timedMany(20, 1, (n) => send(`warm ${n}`, n));
    const text = await timedMany(200, 1, (n) => send(`text ${n}`, n));
    const parallel = await timedMany(200, 10, (n) => send(`parallel ${n}`, n));
    const media = new wwebjs.MessageMedia("image/png", image.toString("base64"), "image.png");
    const images = await timedMany(100, 1, () => send(media));
    const sha256 = createHash("sha256").update(image).digest("hex");
    const arrived = (await simulator.control.sent(phoneNumber)).filter(
      ({ mediaSha256 }) => mediaSha256 === sha256,
    ).length;
    if (arrived !== 100) throw new Error(`${arrived} of 100 images arrived`);
    await connected.destroy();
    return { startToQr, text, parallel, images };
  } finally {
    await browser?.end("SIGKILL").catch(() => undefined);
    await profile.remove();
  }
}
