import { setTimeout as delay } from "node:timers/promises";
import { pairingResultSchema, type PairingResult } from "@whatsapp-engine/contract";
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
  expect(await ask(runner)).toEqual({ outcome: "refused", detail: "rate-overlimit" });
  await control.configure({ actions: "silence" });
  expect(await ask(runner)).toEqual({ outcome: "unknown" });
  await control.configure({ actions: "take" });
  const given = await ask(runner);
  if (given.outcome !== "code") throw new Error(`no code but ${JSON.stringify(given)}`);
  await control.enterPairingCode(given.code, { phoneNumber: ACCOUNT });
  await runner.state(({ status }) => status === "connected");
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
