import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createControlClient } from "./control-client.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, type Bench } from "./test-client.ts";

const PHONE = "6281234567890";
const FRIEND = "6281200000001@c.us";

describe("the connection", () => {
  let simulator: Simulator;
  let bench: Bench;

  beforeEach(async () => {
    simulator = await startSimulator({ build: "spring-2026" });
    bench = createBench(simulator);
  });
  afterEach(() => bench.close());

  const bodies = async () => (await simulator.control.sent(PHONE)).map(({ body }) => body);

  it("drops: sends wait in the queue, inbound comes after it is back", async () => {
    const { client } = await bench.link(PHONE);
    const down = once(client, "change_state");
    await simulator.control.drop(PHONE);
    expect(await down).toEqual(["TIMEOUT"]);

    const message = await client.sendMessage(FRIEND, "queued");
    await simulator.control.deliver(PHONE, { from: FRIEND, body: "missed" });
    expect(message.ack).toBe(0);
    expect(await bodies()).toEqual([]);

    const acked = once(client, "message_ack");
    const received = once(client, "message");
    await simulator.control.restore(PHONE);
    expect((await acked)[1]).toBe(1);
    expect(await received).toMatchObject([{ body: "missed", from: FRIEND }]);
    expect(await bodies()).toEqual(["queued"]);
  });

  it("shows what the account wrote on its phone", async () => {
    const { client } = await bench.link(PHONE);
    const created = once(client, "message_create");
    await simulator.control.deliver(PHONE, { from: FRIEND, body: "from my phone", fromPhone: true });
    expect(await created).toMatchObject([{ fromMe: true, to: FRIEND, from: `${PHONE}@c.us` }]);
    expect(await bodies()).toEqual([]);
  });

  it("takes any state; one that is not in the library's list closes its browser", async () => {
    const { client, browser } = await bench.link(PHONE);
    const disconnected = once(client, "disconnected");
    await simulator.control.setState(PHONE, "SOMETHING_NEW");
    expect(await disconnected).toEqual(["SOMETHING_NEW"]);
    await browser.exited;
  });

  it("is refused to the older of two pages with one login", async () => {
    const { client, browser } = await bench.link(PHONE);
    const conflict = once(client, "change_state");
    const second = await client.pupBrowser?.newPage();
    await second?.goto("https://web.whatsapp.com/");
    expect(await conflict).toEqual(["CONFLICT"]);
    await browser.exited;
  });

  it("brings messages in, with media, and keeps them for the next start", async () => {
    const profile = await bench.profile();
    const { client, browser } = await bench.link(PHONE, profile);
    const received = once(client, "message");
    const media = {
      base64: Buffer.from("bytes").toString("base64"),
      mimetype: "text/plain",
      filename: "a.txt",
    };
    await simulator.control.deliver(PHONE, { from: FRIEND, media, caption: "Look" });
    const [message] = (await received) as [{ downloadMedia(): Promise<{ data: string }>; body: string }];
    expect(message.body).toBe("Look");
    expect((await message.downloadMedia()).data).toBe(media.base64);
    await client.destroy();
    await browser.exited;

    for (let n = 1; n <= 30; n++)
      await simulator.control.deliver(PHONE, { from: FRIEND, body: `while down ${n}` });
    const again = await bench.start(profile);
    await again.ready;
    const chat = await again.client.getChatById(FRIEND);
    expect(chat.unreadCount).toBe(31);
    const messages = await chat.fetchMessages({ limit: 100 });
    expect(messages.map(({ body }) => body)).toEqual([
      "Look",
      ...Array.from({ length: 30 }, (_, n) => `while down ${n + 1}`),
    ]);
  });

  it.each([
    { queueAfterRestart: "send", taken: false, sent: ["kept back"], ack: 1 },
    { queueAfterRestart: "send", taken: true, sent: ["kept back"], ack: 1 },
    { queueAfterRestart: "keep", taken: false, sent: [], ack: 0 },
    { queueAfterRestart: "lose", taken: false, sent: [], ack: undefined },
    { queueAfterRestart: "lose", taken: true, sent: ["kept back"], ack: undefined },
  ] as const)("after a crash of the browser: $queueAfterRestart what waits, taken: $taken", async (given) => {
    const { queueAfterRestart, taken, sent, ack } = given;
    await simulator.control.configure({ queueAfterRestart });
    const profile = await bench.profile();
    // Closed once and started again: the login is on disk.
    const linked = await bench.link(PHONE, profile);
    await linked.client.destroy();
    await linked.browser.exited;
    const { client, browser, ready } = await bench.start(profile);
    await ready;
    await simulator.control.fault({ kind: "silence", taken });
    const { id } = await client.sendMessage(FRIEND, "kept back");
    await browser.end("SIGKILL");
    await rm(join(profile.path, "SingletonLock"), { force: true });

    const again = await bench.start(profile);
    await again.ready;
    const message = await again.client.getMessageById(id._serialized);
    expect(await bodies()).toEqual(sent);
    expect(message?.ack).toBe(ack);
  });

  it("says over HTTP what the page does when it hangs or crashes", async () => {
    const control = createControlClient(simulator.controlUrl);
    const { client } = await bench.link(PHONE);
    await control.hangPage(PHONE, 300);
    await client.pupPage?.evaluate("1");

    const crashed = new Promise((resolve) => client.pupPage?.once("error", resolve));
    await control.crashPage(PHONE);
    expect(String(await crashed)).toContain("Page crashed!");
    await expect(control.scan("nonsense", { phoneNumber: PHONE })).rejects.toThrow(
      "No page shows this code now.",
    );
    await expect(control.drop("628000")).rejects.toThrow("No account 628000 was ever linked.");
  });
});
