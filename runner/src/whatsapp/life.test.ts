import { readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { innerPage } from "../test-support/inner-page.ts";
import { descendantsOf, readProcess, stillRunning } from "../test-support/processes.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const browsersOf = (runner: RunnerUnderTest): number[] => descendantsOf(runner.process.pid!);

test("Chromium has its sandbox on, no word of the runner's token, and no tab to spare", async () => {
  world = await makeWorld();
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  const browsers = browsersOf(runner);
  const renderers = browsers.filter((pid) => readProcess(pid, "cmdline").includes("--type=renderer"));
  expect(renderers).toHaveLength(1);
  // Its own pid namespace within that of the zygote, and seccomp filters.
  expect(readProcess(renderers[0]!, "status")).toMatch(/NSpid:(\t\d+){2,}\n/);
  expect(readProcess(renderers[0]!, "status")).toMatch(/Seccomp:\t2\n/);
  for (const pid of browsers) {
    expect(readProcess(pid, "cmdline")).not.toContain("no-sandbox");
    expect(readProcess(pid, "environ")).not.toContain("RUNNER_");
    expect(readProcess(pid, "status")).not.toMatch(/^Uid:\t0/m);
  }
  const { page, leave } = await innerPage(world.profileDir);
  expect(await page.browser().pages()).toHaveLength(1);
  expect(await page.evaluate("navigator.webdriver")).toBe(false);
  expect(await page.evaluate("navigator.userAgent")).toMatch(/Chrome\/\d+/);
  expect(await page.evaluate("navigator.userAgent")).not.toContain("Headless");
  await leave();
});

test("the runner is killed: its browser ends with it, and what it leaves behind hinders nobody", async () => {
  world = await makeWorld();
  const first = await world.link();
  await first.stop();
  const second = await world.start();
  await second.state(({ status }) => status === "connected");
  const browsers = browsersOf(second);
  await second.kill();
  await eventually(() => stillRunning(browsers)).toEqual([]);
  const session = join(world.profileDir, "browser", "session");
  for (const name of ["SingletonLock", "SingletonSocket", "SingletonCookie"]) {
    await symlink("another-host-1234", join(session, name)).catch(() => undefined);
  }
  const third = await world.start();
  await third.state(({ status }) => status === "connected");
});

test("a login is on the disk soon after the scan, and outlives a runner that is killed then", async () => {
  world = await makeWorld();
  const first = await world.link();
  const stored = join(world.profileDir, "browser", "session", "Default", "Local Storage", "leveldb");
  const isStored = async () => {
    const files = (await readdir(stored)).map((name) =>
      readFile(join(stored, name)).catch(() => Buffer.of()),
    );
    return (await Promise.all(files)).some((bytes) => bytes.includes("simulated-whatsapp-login"));
  };
  // By itself Chromium would take 5 s.
  await expect.poll(isStored, { timeout: 3_500, interval: 50 }).toBe(true);
  await first.kill();
  const second = await world.start();
  await second.state(({ status }) => status === "connected");
  expect(second.states.some(({ qr }) => qr !== null)).toBe(false);
});

test("ends when its parent closes the channel", async () => {
  world = await makeWorld();
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  const browsers = browsersOf(runner);
  const exited = new Promise((resolve) => runner.process.once("exit", resolve));
  runner.process.disconnect();
  expect(await exited).toBe(0);
  await eventually(() => stillRunning(browsers)).toEqual([]);
});

test.each([
  ["at once", async () => undefined],
  ["when the browser starts", async (runner) => eventually(() => browsersOf(runner)).not.toEqual([])],
  ["when the page loads", async () => eventually(world.simulator.control.pages).not.toEqual([])],
] as [string, (runner: RunnerUnderTest) => Promise<unknown>][])(
  "a signal during the start ends it in order: %s",
  async (_moment, come) => {
    world = await makeWorld();
    const runner = await world.start();
    await come(runner);
    const browsers = browsersOf(runner);
    const asked = Date.now();
    expect(await runner.stop()).toBe(0);
    expect(Date.now() - asked).toBeLessThan(10_000);
    await eventually(() => stillRunning(browsers)).toEqual([]);
  },
);

test("the page hangs: silent, and it can still be ended", async () => {
  world = await makeWorld();
  const runner = await world.link();
  expect(await (await runner.get("/health")).json()).toMatchObject({ page: "answering" });
  await world.simulator.control.hangPage(ACCOUNT);
  // Nothing tells when it begins to hang.
  await eventually(async () => (await runner.get("/health")).status).toBe(503);
  expect(await (await runner.get("/health")).json()).toMatchObject({ page: "silent" });
  expect(await runner.stop()).toBe(0);
});

test("a state that nobody knows is named, nothing is deleted, and a known one heals it", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const { control } = world.simulator;
  await control.setState(ACCOUNT, "SOMETHING_NEW");
  const { detail } = await runner.state(({ reason }) => reason === "unknown_state");
  expect(detail).toContain("SOMETHING_NEW");
  await control.setState(ACCOUNT, "CONFLICT");
  await runner.state(({ status, reason }) => status === "disconnected" && reason === "conflict");
  await control.setState(ACCOUNT, "CONNECTED");
  await eventually(() => runner.states.at(-1)!.status).toBe("connected");
  expect(await runner.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent" });
  expect(await readFile(join(world.profileDir, "browser", "linked"), "utf8")).toMatch(/^\d{4}-/);
});

test("a frame that loads in the page does not make the library look at it again", async () => {
  world = await makeWorld();
  const runner = await world.start();
  const { qr } = await runner.state((state) => state.qr !== null);
  const { page, leave } = await innerPage(world.profileDir);
  await page.evaluate(
    `new Promise((resolve) => {
      const frame = Object.assign(document.createElement("iframe"), { srcdoc: "<p>a frame</p>", onload: resolve });
      document.body.append(frame);
    })`,
  );
  await leave();
  await delay(500); // what must not happen has no event to wait for
  await world.simulator.control.expireQr(qr!.code);
  const next = await runner.state((state) => state.qr !== null && state.qr.code !== qr!.code);
  await world.simulator.control.scan(next.qr!.code, { phoneNumber: ACCOUNT });
  await runner.state(({ status }) => status === "connected");
  // Looked at twice, the library would tell each code twice.
  expect(new Set(runner.states.flatMap((state) => state.qr?.number ?? []))).toEqual(new Set([1, 2]));
});

test("the page loads itself anew: connected again, and it sends", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const { page, leave } = await innerPage(world.profileDir);
  await page.evaluate("location.reload()");
  await runner.state(({ reason }) => reason === "reconnecting");
  await eventually(() => runner.states.at(-1)!.status).toBe("connected");
  await leave();
  expect(await runner.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent" });
  expect(await world.simulator.control.sent()).toHaveLength(1);
});
