import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Build } from "./builds.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, MessageMedia, type Bench, type Client } from "./test-client.ts";

const PHONE = "6281234567890";
const FRIEND = "6281200000001";
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

let simulator: Simulator;
let bench: Bench;
afterEach(() => bench.close());

const start = async (build: Build) => {
  simulator = await startSimulator({ build });
  bench = createBench(simulator);
};

/** What it says at the end of its login; how it begins another, which ends with the browser of the test, is left out. */
const logsOut = (client: Client): Promise<unknown[]> => {
  Object.assign(client, { inject: async () => {} });
  return once(client, "disconnected");
};

/** What the library, as it is, comes to on each build; docs/whatsapp-changes.md has the reports. */
describe("the library as it is", () => {
  const picture = randomBytes(2_000);
  const kinds = [
    { kind: "image", mimetype: "image/png" },
    { kind: "document", mimetype: "application/pdf" },
    { kind: "audio", mimetype: "audio/mpeg" },
  ];

  it.each(["september-2026", "october-2026"] as const)(
    "sends texts and no files on %s: the file's empty id takes the place of the message's",
    async (build) => {
      await start(build);
      const { client } = await bench.link(PHONE);
      await client.sendMessage(`${FRIEND}@c.us`, "a text");
      for (const { kind, mimetype } of kinds) {
        const media = new MessageMedia(mimetype, picture.toString("base64"), "a-file");
        const options = { sendMediaAsDocument: kind === "document" };
        await expect(client.sendMessage(`${FRIEND}@c.us`, media, options), kind).rejects.toThrow(
          "Data passed to getter must include an id property",
        );
      }
      expect(await simulator.control.sent()).toMatchObject([{ body: "a text" }]);
    },
  );

  it("sends files on july-2026", async () => {
    await start("july-2026");
    const { client } = await bench.link(PHONE);
    await client.sendMessage(
      `${FRIEND}@c.us`,
      new MessageMedia("image/png", picture.toString("base64"), "a.png"),
    );
    expect(await simulator.control.sent()).toMatchObject([{ type: "image", mediaSha256: sha256(picture) }]);
  });

  it.each([
    { build: "july-2026", refused: [] },
    { build: "september-2026", refused: ["image", "audio"] },
  ] as const)("downloads what came in on $build, but for $refused", async ({ build, refused }) => {
    await start(build);
    // Otherwise the library finds no message at all.
    await simulator.control.configure({ ways: { keyText: "_serialized" } });
    const { client } = await bench.link(PHONE);
    for (const { kind, mimetype } of kinds) {
      const came = once(client, "message");
      const media = { base64: picture.toString("base64"), mimetype };
      await simulator.control.deliver(PHONE, { from: FRIEND, type: kind, media });
      const [message] = (await came) as [{ downloadMedia(): Promise<{ data: string }> }];
      const downloaded = message.downloadMedia();
      if ((refused as readonly string[]).includes(kind))
        await expect(downloaded, kind).rejects.toThrow("InvalidMediaFileType");
      else expect((await downloaded).data, kind).toBe(picture.toString("base64"));
    }
  });

  it("tells nothing of a passkey that is asked for", async () => {
    await start("october-2026");
    await simulator.control.configure({ passkey: "UNPAIRED" });
    const { client, qr } = await bench.start(await bench.profile());
    const code = await qr;
    const told: string[] = [];
    for (const event of ["qr", "authenticated", "auth_failure", "ready", "disconnected"])
      client.on(event, () => told.push(event));
    void simulator.control.scan(code, { phoneNumber: PHONE });
    await delay(1_000);
    const [page] = await simulator.control.pages();
    expect(page).toMatchObject({ state: "UNPAIRED", account: null });
    expect(told).toEqual([]);
  });

  it("takes a page whose storage failed for one that was unlinked", async () => {
    await start("october-2026");
    const { client } = await bench.link(PHONE);
    const disconnected = logsOut(client);
    await simulator.control.failStorage(PHONE);
    expect(await disconnected).toEqual(["LOGOUT"]);
    expect(await simulator.control.linkedDevices(PHONE)).toBe(1);
  });

  it("leaves the window over an account that was just linked, and is unlinked at the reload", async () => {
    await start("october-2026");
    await simulator.control.configure({ afterLinking: { window: true, reloadMs: 3_000 } });
    const { client, qr, ready } = await bench.start(await bench.profile());
    const loggedOut = logsOut(client);
    await simulator.control.scan(await qr, { phoneNumber: PHONE });
    await ready;
    expect(await loggedOut).toEqual(["LOGOUT"]);
    expect(await simulator.control.linkedDevices(PHONE)).toBe(0);
  });

  it("says nothing of a limit, and the next message is refused too", async () => {
    await start("october-2026");
    const { client } = await bench.link(PHONE);
    await simulator.control.limitAccount(PHONE, { code: 463, until: Date.now() + 60_000 });
    for (const body of ["one", "two"]) await client.sendMessage(`${FRIEND}@c.us`, body);
    expect(await simulator.control.sent()).toEqual([]);
    expect(await simulator.control.refused()).toHaveLength(2);
  });

  it.each(["spring-2026", "october-2026"] as const)(
    "cannot write to whom the page was told no LID of on %s",
    async (build) => {
      await start(build);
      await simulator.control.configure({ lids: "chat", ways: { minifiedErrors: false } });
      const { client } = await bench.link(PHONE);
      const sending = () => client.sendMessage(`${FRIEND}@c.us`, "a text");
      await expect(sending()).rejects.toThrow("Lid is missing in chat table");
      await client.getNumberId(FRIEND);
      await sending();
      expect(await simulator.control.sent()).toMatchObject([{ body: "a text" }]);
    },
  );

  it("is told errors of one letter on october-2026", async () => {
    await start("october-2026");
    const { client } = await bench.link(PHONE);
    await simulator.control.fault({ kind: "throw", taken: false });
    await expect(client.sendMessage(`${FRIEND}@c.us`, "a text")).rejects.toThrow(/^r\b/);
  });
});
