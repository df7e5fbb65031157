import { setTimeout as delay } from "node:timers/promises";
import type { RunnerState } from "@whatsapp-engine/contract/runner";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { descendantsOf, readProcess, stillRunning } from "../test-support/processes.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const browserOf = (runner: RunnerUnderTest): number => descendantsOf(runner.process.pid!)[0]!;
const renderersOf = (runner: RunnerUnderTest): number[] =>
  descendantsOf(runner.process.pid!).filter((pid) => readProcess(pid, "cmdline").includes("--type=renderer"));

/** What the runner told of itself from here on, each standing once. */
const told = ({ states }: RunnerUnderTest, from: number): string[] =>
  states
    .slice(from)
    .map(({ status, reason }) => (reason === null ? status : `${status}/${reason}`))
    .filter((standing, index, all) => standing !== all[index - 1]);
const backAgain = async (runner: RunnerUnderTest, mends: Record<string, number>): Promise<RunnerState> =>
  runner.state(
    ({ status, mendCounts }) =>
      status === "connected" && JSON.stringify(mendCounts) === JSON.stringify(mends),
    60_000,
  );
const sends = async (runner: RunnerUnderTest, text: string): Promise<void> => {
  expect(await runner.send({ to: FRIEND, text })).toMatchObject({ outcome: "sent" });
  const taken = await world.simulator.control.sent();
  expect(taken.filter(({ body }) => body === text)).toHaveLength(1);
};

test("the page crashes: another page in the same browser, login kept", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const browser = browserOf(runner);
  const from = runner.states.length;
  await world.simulator.control.crashPage(ACCOUNT);
  const { mends } = await backAgain(runner, { page_reloaded: 1 });
  expect(mends).toContain("page_reloaded");
  expect(told(runner, from)).toEqual(["connecting/page_crashed", "authenticated", "connected"]);
  expect(browserOf(runner)).toBe(browser);
  expect((await runner.get("/health")).status).toBe(200);
  await sends(runner, "after the crash");
});

test("the page hangs: it is noticed, and another page opened in the same browser", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const browser = browserOf(runner);
  const from = runner.states.length;
  await world.simulator.control.hangPage(ACCOUNT);
  await runner.state(({ reason }) => reason === "page_hung", 80_000); // after 50 s; of the times, see watchdog.test.ts
  await backAgain(runner, { page_reloaded: 1 });
  expect(told(runner, from)).toEqual(["connecting/page_hung", "authenticated", "connected"]);
  expect(browserOf(runner)).toBe(browser);
  expect(renderersOf(runner)).toHaveLength(1);
  await sends(runner, "after the hang");
});

test("the browser is killed: another one on the same profile, login kept", async () => {
  world = await makeWorld();
  await (await world.link()).stop(); // so that the login is on the disk
  const runner = await world.start();
  await runner.state(({ status }) => status === "connected");
  const browsers = descendantsOf(runner.process.pid!);
  const from = runner.states.length;
  process.kill(browsers[0]!, "SIGKILL");
  await backAgain(runner, { browser_restarted: 1 });
  expect(told(runner, from)).toEqual(["connecting/browser_gone", "authenticated", "connected"]);
  await eventually(() => stillRunning(browsers)).toEqual([]);
  await sends(runner, "after the browser");
});

test("another page does not come in time: another browser; that neither: it is reported", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  const runner = await world.start({ RUNNER_START_TIMEOUT_SECONDS: "5" });
  await runner.state(({ status }) => status === "connected");
  await world.simulator.close(); // nobody answers any more
  await runner.state(({ reason }) => reason === "reconnecting");
  const from = runner.states.length;
  process.kill(renderersOf(runner)[0]!, "SIGKILL");
  const { reason, mendCounts, detail } = await runner.state(
    ({ status }) => status === "disconnected",
    60_000,
  );
  expect({ reason, mendCounts }).toEqual({
    reason: "page_crashed",
    mendCounts: { page_reloaded: 1, browser_restarted: 1 },
  });
  expect(detail).toContain("crashed");
  expect(told(runner, from)).toEqual(["connecting/page_crashed", "disconnected/page_crashed"]);
  expect(descendantsOf(runner.process.pid!)).toEqual([]);
});

test("a page that crashes again and again: three mends, then it is reported", async () => {
  world = await makeWorld();
  const runner = await world.link();
  for (let time = 1; time <= 3; time += 1) {
    await world.simulator.control.crashPage(ACCOUNT);
    await backAgain(runner, { page_reloaded: time });
  }
  await world.simulator.control.crashPage(ACCOUNT);
  await runner.state(({ status, reason }) => status === "disconnected" && reason === "page_crashed");
  await eventually(() => descendantsOf(runner.process.pid!)).toEqual([]);
  expect((await runner.get("/health")).status).toBe(503);
});

test("messages under way while the page crashes: each goes out once, and its outcome is what happened", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const { control } = world.simulator;
  await control.configure({ delays: { ackMs: 1_500 } });
  const texts = Array.from({ length: 5 }, (_, index) => `under way ${index}`);
  // One that passed the gate and did not get out of the page is decided by its last look-up, after 30 s.
  const answers = texts.map((text, index) =>
    runner.send({ to: `62812000000${index}0`, text, timeoutMs: 45_000 }),
  );
  await eventually(async () => (await control.sent()).length).toBeGreaterThan(0);
  await control.crashPage(ACCOUNT);
  const records = await Promise.all(answers);
  await backAgain(runner, { page_reloaded: 1 });
  const taken = (await control.sent()).map(({ body }) => body);
  for (const [index, { outcome, error }] of records.entries()) {
    const times = taken.filter((body) => body === texts[index]).length;
    expect(times).toBeLessThanOrEqual(1);
    if (outcome === "sent") expect(times).toBe(1);
    if (outcome === "not_sent") expect([times, error?.code]).toEqual([0, "not_connected"]);
    expect(outcome).not.toBe("pending");
  }
});

test("a page that waits to be scanned and crashes shows a new code", async () => {
  world = await makeWorld();
  const runner = await world.start();
  const { qr } = await runner.state((state) => state.qr !== null);
  process.kill(renderersOf(runner)[0]!, "SIGKILL");
  const hidden = await runner.state(({ reason }) => reason === "page_crashed");
  expect(hidden).toMatchObject({ status: "connecting", qr: null });
  const next = await runner.state((state) => state.qr !== null && state.qr.code !== qr!.code);
  await world.simulator.control.scan(next.qr!.code, { phoneNumber: ACCOUNT });
  await runner.state(({ status }) => status === "connected");
});

test("ended in the middle of a mend, it leaves nothing", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  const runner = await world.start();
  await runner.state(({ status }) => status === "connected");
  const browsers = descendantsOf(runner.process.pid!);
  process.kill(browsers[0]!, "SIGKILL");
  await runner.state(({ reason }) => reason === "browser_gone");
  expect(await runner.stop()).toBe(0);
  await eventually(() => stillRunning(browsers)).toEqual([]);
  const next = await world.start();
  await next.state(({ status }) => status === "connected");
});

test("memory above the mark: another page, then another browser, and it is never sent into", async () => {
  world = await makeWorld();
  const runner = await world.link(ACCOUNT, { RUNNER_MEMORY_SOFT_MB: "1" });
  const from = runner.states.length;
  const { detail } = await runner.state(({ reason }) => reason === "memory_high", 80_000);
  expect(detail).toMatch(/^\d{2,3} MB of memory are used; the mark is 1 /);
  await backAgain(runner, { page_reloaded: 1 });
  expect(told(runner, from)).toEqual(["connecting/memory_high", "authenticated", "connected"]);
  await sends(runner, "after the page");
  await backAgain(runner, { page_reloaded: 1, browser_restarted: 1 });
  await sends(runner, "after the browser");
  expect(runner.states.map(({ qr }) => qr?.number ?? 1)).not.toContain(2);
}, 180_000);

test("the connection does not come back: another page after the deadline, and not before", async () => {
  world = await makeWorld();
  const first = await world.link();
  await first.stop();
  const runner = await world.start({ RUNNER_CONNECT_TIMEOUT_SECONDS: "3" });
  await runner.state(({ status }) => status === "connected");
  const { control } = world.simulator;
  await control.setState(ACCOUNT, "TIMEOUT");
  await runner.state(({ reason }) => reason === "reconnecting");
  await control.setState(ACCOUNT, "CONNECTED");
  await runner.state(({ status }) => status === "connected");
  const from = runner.states.length;
  await control.setState(ACCOUNT, "TIMEOUT");
  await runner.state(({ reason }) => reason === "connect_timeout", 30_000);
  await backAgain(runner, { page_reloaded: 1 });
  expect(told(runner, from).join()).toContain("connecting/reconnecting,connecting/connect_timeout");
  await sends(runner, "after the silence");
});

test("a page that crashes while it waits for its connection: another one, which has its whole time", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  const runner = await world.start({ RUNNER_CONNECT_TIMEOUT_SECONDS: "5" });
  await runner.state(({ status }) => status === "connected");
  await world.simulator.control.setState(ACCOUNT, "TIMEOUT");
  await runner.state(({ reason }) => reason === "reconnecting");
  await delay(4_800);
  process.kill(renderersOf(runner)[0]!, "SIGKILL");
  const { mendCounts } = await runner.state(
    (state) => state.status === "connected" && state.mendCounts["page_reloaded"] === 1,
    60_000,
  );
  expect(mendCounts).toEqual({ page_reloaded: 1 });
});
