import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newestBuild, played } from "./builds.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, type Bench } from "./test-client.ts";

const PHONE = "6281234567890";

describe("pairing", () => {
  let simulator: Simulator;
  let bench: Bench;

  beforeEach(async () => {
    simulator = await startSimulator();
    bench = createBench(simulator);
  });
  afterEach(() => bench.close());

  it("takes the library's QR text as the code that is scanned", async () => {
    const { client, qr, ready } = await bench.start(await bench.profile());
    const authenticated = once(client, "authenticated");
    const { lid } = await simulator.control.scan(await qr, { phoneNumber: `+${PHONE}`, pushName: "Tester" });
    await Promise.all([authenticated, ready]);

    expect(lid).toMatch(/^\d{15}@lid$/);
    expect(client.info.wid._serialized).toBe(`${PHONE}@c.us`);
    expect(client.info.pushname).toBe("Tester");
    expect(await client.getState()).toBe("CONNECTED");
    expect(await client.getWWebVersion()).toBe(played[newestBuild].version);
  });

  it("does not take another text", async () => {
    const { qr } = await bench.start(await bench.profile());
    const otherCode = (await qr).replace(/^2@./, "2@_");
    await expect(simulator.control.scan(otherCode, { phoneNumber: PHONE })).rejects.toThrow(
      "No page shows this code now.",
    );
  });

  it("answers a failed pairing with a new code, which works", async () => {
    const { client, qr, ready } = await bench.start(await bench.profile());
    const first = await qr;
    const next = once(client, "qr");
    await simulator.control.failPairing(first);
    const [second] = (await next) as [string];

    expect(second).not.toBe(first);
    await expect(simulator.control.scan(first, { phoneNumber: PHONE })).rejects.toThrow("No page shows");
    await simulator.control.scan(second, { phoneNumber: PHONE });
    await ready;
  });

  it("replaces codes, stops after the last one, and shows new ones when asked", async () => {
    await simulator.control.configure({ qr: { codes: 2 } });
    const { client, qr } = await bench.start(await bench.profile());
    const second = once(client, "qr");
    await simulator.control.expireQr(await qr);
    const [code] = (await second) as [string];
    await simulator.control.expireQr(code);
    expect(await simulator.control.pages()).toMatchObject([{ state: "UNPAIRED_IDLE", qr: null }]);

    const third = once(client, "qr");
    await client.pupPage?.evaluate("window.require('WAWebLaunchSocketUtils').refreshQR()");
    await third;
    expect(await simulator.control.pages()).toMatchObject([{ state: "UNPAIRED" }]);
  });

  it("pairs by a code that is entered on the phone", async () => {
    const { client, qr, ready } = await bench.start(await bench.profile());
    await qr;
    const code = await client.requestPairingCode(PHONE);
    await simulator.control.enterPairingCode(code, { phoneNumber: PHONE });
    await ready;
  });

  it("loses `ready` when sync ends before the library listens", async () => {
    const profile = await bench.profile();
    const first = await bench.link(PHONE, profile);
    await first.client.destroy();

    await simulator.control.configure({ readyLost: true });
    const { client, ready } = await bench.start(profile);
    const heard = await Promise.race([ready.then(() => "ready"), client.pupPage?.evaluate(() => "nothing")]);

    expect(heard).toBe("nothing");
    expect(await client.pupPage?.evaluate("window.require('WAWebSocketModel').Socket.hasSynced")).toBe(true);
    expect(await client.pupPage?.evaluate("typeof window.WWebJS")).toBe("undefined");

    await client.pupPage?.evaluate("window.onAppStateHasSyncedEvent()");
    await ready;
  });
});
