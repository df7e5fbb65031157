import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, type Bench } from "./test-client.ts";

const PHONE = "6281234567890";

describe("a login", () => {
  let simulator: Simulator;
  let bench: Bench;

  beforeEach(async () => {
    simulator = await startSimulator();
    bench = createBench(simulator);
  });
  afterEach(() => bench.close());

  const firstOf = ({ qr, ready }: { qr: Promise<unknown>; ready: Promise<unknown> }) =>
    Promise.race([qr.then(() => "qr"), ready.then(() => "ready")]);

  it.each(["close", "SIGTERM"] as const)("comes up again without a QR after %s", async (ending) => {
    const profile = await bench.profile();
    const { client, browser } = await bench.link(PHONE, profile);
    if (ending === "close") await client.destroy().then(() => browser.exited);
    else await browser.end(ending);

    const again = await bench.start(profile);
    expect(await firstOf(again)).toBe("ready");
    expect(again.client.info.wid.user).toBe(PHONE);
  });

  it("is lost when the browser is killed right after the scan", async () => {
    const profile = await bench.profile();
    const { browser } = await bench.link(PHONE, profile);
    await browser.end("SIGKILL");
    await rm(join(profile.path, "SingletonLock"), { force: true });

    expect(await firstOf(await bench.start(profile))).toBe("qr");
  });

  it.each(["IndexedDB", "Local Storage"])("is none without what stands in %s", async (half) => {
    const profile = await bench.profile();
    const { browser } = await bench.link(PHONE, profile);
    await browser.end("SIGTERM");
    await rm(join(profile.path, "Default", half), { recursive: true });

    expect(await firstOf(await bench.start(profile))).toBe("qr");
  });

  it("ends when the phone logs out: the page comes up again with a QR", async () => {
    const { client } = await bench.link(PHONE);
    const disconnected = once(client, "disconnected");
    const newCode = once(client, "qr");
    await simulator.control.logoutFromPhone(PHONE);

    expect(await disconnected).toEqual(["LOGOUT"]);
    const [code] = (await newCode) as [string];
    const ready = once(client, "ready");
    await simulator.control.scan(code, { phoneNumber: PHONE });
    await ready;
  });

  it("is void when the phone logged out while the browser was down", async () => {
    const profile = await bench.profile();
    const { client, browser } = await bench.link(PHONE, profile);
    await client.destroy();
    await browser.exited;
    await simulator.control.logoutFromPhone(PHONE);

    expect(await firstOf(await bench.start(profile))).toBe("qr");
  });

  it("ends when the library logs out", async () => {
    const profile = await bench.profile();
    const { client, browser } = await bench.link(PHONE, profile);
    await client.logout();
    await browser.exited;

    expect(await firstOf(await bench.start(profile))).toBe("qr");
  });
});
