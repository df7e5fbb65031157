import { setTimeout as delay } from "node:timers/promises";
import { pairingResultSchema, type PairingResult } from "@whatsapp-engine/contract/runner";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { innerPage } from "../test-support/inner-page.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, CLAIM, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const QR_TIMEOUT_SECONDS = 3;

const ask = async (runner: RunnerUnderTest): Promise<PairingResult> => {
  const answer = await runner.post("/pairing-code", { phoneNumber: ACCOUNT });
  expect(answer.status).toBe(200);
  return pairingResultSchema.parse(await answer.json());
};

test("a code that is typed in on the phone links its account, also when the QR's time is over meanwhile", async () => {
  world = await makeWorld();
  const runner = await world.start({ RUNNER_QR_TIMEOUT_SECONDS: String(QR_TIMEOUT_SECONDS) });
  await runner.post("/claim", CLAIM);
  await runner.state(({ qr }) => qr !== null);
  const given = await ask(runner);
  if (given.outcome !== "code") throw new Error(`no code but ${JSON.stringify(given)}`);
  expect(Date.parse(given.expiresAt)).toBeGreaterThan(Date.now() + 170_000);

  await delay(QR_TIMEOUT_SECONDS * 1_000);
  await expect(world.simulator.control.enterPairingCode(given.code, { phoneNumber: FRIEND })).rejects.toThrow(
    "No page shows this pairing code to this number now.",
  );
  await world.simulator.control.enterPairingCode(given.code, { phoneNumber: ACCOUNT });
  const { account } = await runner.state(({ status }) => status === "connected");
  expect(account?.phoneNumber).toBe(ACCOUNT);
  expect((await runner.post("/pairing-code", { phoneNumber: ACCOUNT })).status).toBe(409);
  expect((await runner.post("/pairing-code", { phoneNumber: "all" })).status).toBe(400);
});

test("a code that WhatsApp refuses, or does not answer, and then one that works", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  await control.configure({ actions: "refuse" });
  expect(await ask(runner)).toEqual({
    outcome: "refused",
    detail: 'WhatsApp asks to slow down; it says "rate-overlimit"',
  });
  await control.configure({ actions: "silence" });
  expect(await ask(runner)).toEqual({ outcome: "unknown" });
  await control.configure({ actions: "take" });
  const given = await ask(runner);
  if (given.outcome !== "code") throw new Error(`no code but ${JSON.stringify(given)}`);
  await control.enterPairingCode(given.code, { phoneNumber: ACCOUNT });
  await runner.state(({ status }) => status === "connected");
});

test("a phone that asks for a passkey after a code was typed in: told, and linked once it has it; or ended", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ passkey: "PAIRING" });
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  const given = await ask(runner);
  if (given.outcome !== "code") throw new Error(`no code but ${JSON.stringify(given)}`);
  const entered = control.enterPairingCode(given.code, { phoneNumber: ACCOUNT });
  expect(await runner.state(({ reason }) => reason === "passkey_required")).toMatchObject({
    status: "qr_ready",
    qr: null,
  });
  const [page] = await control.pages();
  await control.givePasskey(page!.pageId);
  await entered;
  await runner.state(({ status }) => status === "connected");
  await runner.stop();

  await control.logoutFromPhone(ACCOUNT);
  const other = await world.start();
  const { qr } = await other.state((state) => state.qr !== null);
  control.scan(qr!.code, { phoneNumber: ACCOUNT }).catch(() => undefined); // the page goes before the passkey comes
  await other.state(({ reason }) => reason === "passkey_required");
  expect(await other.stop()).toBe(0);
});

test("one code is asked for, and no other after it by itself", async () => {
  world = await makeWorld();
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  const { page, leave } = await innerPage(world.profileDir);
  await page.evaluate(`{
    const clear = window.clearInterval.bind(window);
    window.ended = [];
    window.clearInterval = (timer) => {
      window.ended.push(timer);
      clear(timer);
    };
  }`);
  await ask(runner);
  await eventually(() => page.evaluate("window.ended.includes(window.codeInterval)")).toBe(true);
  expect(await page.evaluate("typeof window.codeInterval")).toBe("number");
  await leave();
});
