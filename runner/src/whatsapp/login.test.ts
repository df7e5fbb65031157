import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { builds } from "@whatsapp-engine/simulator";
import { unlinkDetails } from "@whatsapp-engine/contract/api";
import { logoutResultSchema } from "@whatsapp-engine/contract/runner";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { innerPage } from "../test-support/inner-page.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, CLAIM, FRIEND, makeWorld, scan, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const statuses = (runner: RunnerUnderTest) =>
  runner.states.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1]);

test("from the code to the connection, and again without a code after a restart", async () => {
  world = await makeWorld();
  const first = await world.link();
  expect(statuses(first)).toEqual(["connecting", "qr_ready", "connecting", "authenticated", "connected"]);
  const state = first.states.at(-1)!;
  expect(state).toMatchObject({ account: { phoneNumber: ACCOUNT }, qr: null, reason: null });
  expect(state.account!.lid).toMatch(/^\d+@lid$/);
  expect(state.whatsappVersion).toMatch(/^2\.3000\./);
  expect(await first.stop()).toBe(0);

  const second = await world.start();
  await second.state(({ status }) => status === "connected");
  expect(second.states.some(({ qr }) => qr !== null)).toBe(false);
  expect(await second.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent" });
});

test("ready that the library misses is made up for", async () => {
  world = await makeWorld();
  await world.simulator.control.configure({ readyLost: true });
  const first = await world.link();
  await first.stop();
  const second = await world.start();
  const { mends } = await second.state(({ status }) => status === "connected");
  expect(mends).toContain("lost_ready");
  expect(await second.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent" });
  expect(await world.simulator.control.sent()).toHaveLength(1);
});

test("a pairing that fails is auth_failed, and then there is a new code that works", async () => {
  world = await makeWorld();
  const runner = await world.start();
  const { qr } = await runner.state((state) => state.qr !== null);
  await world.simulator.control.failPairing(qr!.code);
  const again = await runner.state((state) => state.qr !== null && state.qr.number > qr!.number);
  expect(again.status).toBe("qr_ready");
  expect(statuses(runner)).toEqual(["connecting", "qr_ready", "connecting", "auth_failed", "qr_ready"]);
  expect(runner.states.find(({ status }) => status === "auth_failed")!.reason).toBe("pairing_failed");
  await world.simulator.control.scan(again.qr!.code, { phoneNumber: ACCOUNT });
  await runner.state((state) => state.status === "connected");
});

test.each([
  { passkey: "PAIRING", passkeyFirst: false },
  { passkey: "UNPAIRED", passkeyFirst: false },
  { passkey: "PAIRING", passkeyFirst: true },
  { passkey: "UNPAIRED", passkeyFirst: true },
] as const)(
  "a phone that asks for a passkey says so, shows no code meanwhile, and links once it has it: $passkey, its screen first: $passkeyFirst",
  async (asks) => {
    world = await makeWorld();
    const { control } = world.simulator;
    await control.configure(asks);
    const runner = await world.start();
    const { qr } = await runner.state((state) => state.qr !== null);
    const scanned = control.scan(qr!.code, { phoneNumber: ACCOUNT });
    const asked = await runner.state(({ reason }) => reason === "passkey_required", 10_000);
    expect(asked).toMatchObject({ status: "qr_ready", qr: null });
    expect(asked.detail).toContain("passkey");
    expect(await (await runner.get("/state")).json()).toMatchObject({ reason: "passkey_required", qr: null });
    const [page] = await control.pages();
    await control.givePasskey(page!.pageId);
    await scanned;
    await runner.state(({ status }) => status === "connected");
    if (asks.passkeyFirst) expect(statuses(runner)).not.toContain("auth_failed");
  },
);

test("a passkey that nobody gives: it expires as a code does", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ passkey: "PAIRING" });
  const runner = await world.start({ RUNNER_QR_TIMEOUT_SECONDS: "3" });
  await runner.post("/claim", CLAIM);
  const { qr } = await runner.state((state) => state.qr !== null);
  void control.scan(qr!.code, { phoneNumber: ACCOUNT });
  await runner.state(({ reason }) => reason === "passkey_required");
  await runner.state(({ reason }) => reason === "qr_expired");
});

test("an account that was just linked stays: the window is answered, posts to everyone are not read, the page may reload", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ afterLinking: { window: true, reloadMs: 4_000 }, delays: { syncMs: 1_000 } });
  const runner = await world.start();
  const { qr } = await runner.state((state) => state.qr !== null);
  await control.scan(qr!.code, { phoneNumber: ACCOUNT });
  await control.deliver(ACCOUNT, { from: "status@broadcast", author: FRIEND, body: "a post" });
  const { mends } = await runner.state(({ status }) => status === "connected");
  expect(mends).toContain("window_answered");

  // One that is on its way when the page goes.
  await control.fault({ kind: "late", ackMs: 5_000 });
  const sending = runner.send({ messageId: "meanwhile", to: FRIEND, text: "meanwhile", timeoutMs: 20_000 });
  const seen = runner.states.length;
  await eventually(() => runner.states.slice(seen).map(({ status }) => status)).toContain("connecting");
  await eventually(() => runner.states.at(-1)!.status).toBe("connected");
  expect(await sending).toMatchObject({ outcome: "sent" });
  expect(await control.sent()).toHaveLength(1);
  expect(await control.linkedDevices(ACCOUNT)).toBe(1);
  expect(await runner.send({ to: FRIEND, text: "after" })).toMatchObject({ outcome: "sent" });
});

test("a window that asks something is left alone", async () => {
  world = await makeWorld();
  await world.link();
  const { page, leave } = await innerPage(world.profileDir);
  const pressed = await page.evaluate(`new Promise((resolve) => {
    const pressed = [];
    document.addEventListener("click", ({ target }) => pressed.push(target.textContent));
    for (const content of [
      "<button>Cancel</button><button>Log out</button>",
      "<input><button>Save</button>",
      '<div role="button">OK</div>',
    ]) document.body.insertAdjacentHTML("beforeend", '<div role="dialog">' + content + "</div>");
    setTimeout(resolve, 200, pressed);
  })`);
  await leave();
  expect(pressed).toEqual(["OK"]);
});

test("a window that stays, whoever answers it, holds up nothing", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const { page, leave } = await innerPage(world.profileDir);
  // Each press has it shown anew.
  const presses = await page.evaluate(`new Promise((resolve) => {
    let presses = 0;
    const show = () => {
      document.querySelector("#stays")?.remove();
      document.body.insertAdjacentHTML("beforeend", '<div role="dialog" id="stays"><button>OK</button></div>');
      document.querySelector("#stays button").onclick = () => { presses += 1; if (presses < 1000) show(); };
    };
    show();
    setTimeout(() => resolve(presses), 500);
  })`);
  await leave();
  expect(presses).toBeLessThanOrEqual(20);
  expect(await runner.send({ to: FRIEND, text: "after" })).toMatchObject({ outcome: "sent" });
});

test.each(builds)(
  "when WhatsApp's six codes run out, a seventh is shown and scanned: %s build",
  async (build) => {
    world = await makeWorld(build);
    const runner = await world.start();
    for (let number = 1; number <= 7; number++) {
      const { qr } = await runner.state((state) => state.qr?.number === number);
      if (number === 7) await world.simulator.control.scan(qr!.code, { phoneNumber: ACCOUNT });
      else await world.simulator.control.expireQr(qr!.code);
    }
    const { mends } = await runner.state(({ status }) => status === "connected");
    expect(mends.includes("new_codes")).toBe(build === "july-2026" || build === "october-2026");
  },
);

test("a socket that stands in a worker: linked, connected again, unlinked by the phone", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ ways: { socketInWorker: true } });
  const first = await world.link();
  expect(await first.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent" });
  await control.drop(ACCOUNT);
  await first.state(({ reason }) => reason === "reconnecting");
  const from = first.states.length;
  await control.restore(ACCOUNT);
  await eventually(() => first.states.slice(from).map(({ status }) => status)).toContain("connected");
  const left = first.states.length;
  await control.failStorage(ACCOUNT);
  await eventually(() => first.states.slice(left).map(({ reason }) => reason)).toContain("reconnecting");
  await eventually(() => first.states.at(-1)!.status).toBe("connected");
  await first.stop();

  const second = await world.start();
  await second.state(({ status }) => status === "connected");
  expect(second.states.some(({ qr }) => qr !== null)).toBe(false);
  expect(await control.linkedDevices(ACCOUNT)).toBe(1);
  await control.logoutFromPhone(ACCOUNT);
  await second.state(({ reason }) => reason === "logged_out");
  expect(await readdir(world.profileDir)).toEqual(["generation.json", "journal.ndjson", "outgoing"]);
});

test("a code that nobody scans: qr_expired, no browser any more, and the runner still answers", async () => {
  world = await makeWorld();
  const runner = await world.start({ RUNNER_QR_TIMEOUT_SECONDS: "0.5" });
  await runner.post("/claim", CLAIM);
  const { qr } = await runner.state((state) => state.status === "disconnected");
  expect(qr).toBeNull();
  expect(runner.states.at(-1)).toMatchObject({ reason: "qr_expired" });
  expect(await world.simulator.control.pages()).toEqual([]);
  expect((await runner.get("/health")).status).toBe(503);
  expect(await runner.send({ to: FRIEND, text: "x" })).toMatchObject({ error: { code: "not_connected" } });
});

test("codes that nobody has asked for do not expire; from the claim on they do, also after a restart", async () => {
  world = await makeWorld();
  const first = await world.start({ RUNNER_QR_TIMEOUT_SECONDS: "0.5" });
  const { qr } = await first.state((state) => state.qr !== null);
  await delay(1_500);
  expect(await (await first.get("/state")).json()).toMatchObject({ status: "qr_ready", qr });
  await first.post("/claim", CLAIM);
  await first.state(({ reason }) => reason === "qr_expired");
  await first.stop();
  const second = await world.start({ RUNNER_QR_TIMEOUT_SECONDS: "0.5" });
  await second.state(({ reason }) => reason === "qr_expired");
});

test("the phone logs out: the login is deleted, a new scan works and survives a restart", async () => {
  world = await makeWorld();
  const first = await world.link();
  await world.simulator.control.logoutFromPhone(ACCOUNT);
  await first.state(({ status, reason }) => status === "disconnected" && reason === "logged_out");
  expect((await first.get("/state")).status).toBe(200);
  expect(await readdir(world.profileDir)).toEqual(["generation.json", "journal.ndjson", "outgoing"]);
  await first.stop();

  const second = await world.start();
  await scan(world.simulator, second);
  await second.stop();
  const third = await world.start();
  await third.state(({ status }) => status === "connected");
  expect(third.states.some(({ qr }) => qr !== null)).toBe(false);
});

test("logged out while the runner was down: a code is shown", async () => {
  world = await makeWorld();
  const first = await world.link();
  await first.stop();
  await world.simulator.control.logoutFromPhone(ACCOUNT);
  const second = await world.start();
  await scan(world.simulator, second);
});

test("a page that leaves as after an unlinking, and is linked still: the login stays, and it is connected again", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const from = runner.states.length;
  await world.simulator.control.failStorage(ACCOUNT);
  await runner.state(({ reason }) => reason === "reconnecting");
  await eventually(() => runner.states.at(-1)!.status).toBe("connected");
  expect(runner.states.slice(from).some(({ qr }) => qr !== null)).toBe(false);
  expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(1);
  expect(await runner.send({ to: FRIEND, text: "still here" })).toMatchObject({ outcome: "sent" });
});

test("one that comes back without its login: it ends as logged_out, and what is there of the login stays", async () => {
  world = await makeWorld();
  const runner = await world.link();
  await world.simulator.control.failStorage(ACCOUNT, true);
  const { status, detail } = await runner.state(({ reason }) => reason === "logged_out");
  expect(status).toBe("disconnected");
  expect(detail).toContain("the login is kept");
  expect(await readdir(join(world.profileDir, "browser"))).toContain("linked");
});

/** What the runner says of the link, once it has deleted the login. */
const logOut = async (runner: RunnerUnderTest): Promise<string> => {
  const answer = await runner.post("/logout");
  expect(answer.status).toBe(200);
  await runner.state(({ reason }) => reason === "logged_out");
  expect(await readdir(world.profileDir)).toEqual(["generation.json", "journal.ndjson", "outgoing"]);
  return logoutResultSchema.parse(await answer.json()).unlinked;
};

test("logout on request unlinks the account and deletes the login", async () => {
  world = await makeWorld();
  const first = await world.link();
  expect(await logOut(first)).toBe("done");
  expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(0);
  expect(first.states.at(-1)!.detail).toBe(unlinkDetails.done);
  await first.stop();
  const second = await world.start();
  const { account } = await second.state(({ qr }) => qr !== null);
  expect(account).toBeNull();
});

test("logout of a login that is not written down yet unlinks it too", async () => {
  world = await makeWorld();
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  // Whoever writes into it waits for somebody who reads: a disk that takes its time.
  await promisify(execFile)("mkfifo", [join(world.profileDir, "browser", "linked.new")]);
  await scan(world.simulator, runner);
  expect(await logOut(runner)).toBe("done");
  expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(0);
});

test("logout before the login has connected waits for it", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  const second = await world.start();
  expect(await logOut(second)).toBe("done");
  expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(0);
});

test("logout without a login says that there was none", async () => {
  world = await makeWorld();
  const runner = await world.start();
  expect(await logOut(runner)).toBe("not_linked");
  expect(runner.states.at(-1)!.detail).toBe(unlinkDetails.not_linked);
});

test("logout of a login that WhatsApp does not take any more: there was no account to unlink", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  await world.simulator.control.logoutFromPhone(ACCOUNT);
  expect(await logOut(await world.start())).toBe("not_linked");
});

test.each(["silence", "refuse"] as const)(
  "logout that WhatsApp answers with %s is not said to be done",
  async (actions) => {
    world = await makeWorld();
    const runner = await world.link();
    await world.simulator.control.configure({ actions });
    expect(await logOut(runner)).toBe("unknown");
    expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(1);
    expect(runner.states.at(-1)!.detail).toBe(unlinkDetails.unknown);
  },
);

test("logout without a connection is not said to be done", async () => {
  world = await makeWorld();
  const runner = await world.link();
  await world.simulator.control.drop(ACCOUNT);
  await runner.state(({ status, reason }) => status === "connecting" && reason === "reconnecting");
  expect(await logOut(runner)).toBe("not_asked");
  expect(await world.simulator.control.linkedDevices(ACCOUNT)).toBe(1);
  expect(runner.states.at(-1)!.detail).toBe(unlinkDetails.not_asked);
});
