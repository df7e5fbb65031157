import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
let runner: RunnerUnderTest;
beforeAll(async () => {
  world = await makeWorld();
  runner = await world.link();
});
afterAll(() => world.end());
afterEach(() => world.simulator.control.limitAccount(ACCOUNT, null));

const stranger = (number: number) => `62890000000${number}`;
const bodies = async () => (await world.simulator.control.sent()).map(({ body }) => body);

test.each([
  { code: 463, error: "account_restricted", to: stranger(1) },
  { code: 475, error: "account_limit_reached", to: stranger(2) },
] as const)(
  "WhatsApp's error $code is told as $error, with its end where the page knows it",
  async ({ code, error, to }) => {
    const until = Math.ceil((Date.now() + 3_600_000) / 1000) * 1000;
    await world.simulator.control.limitAccount(ACCOUNT, { code, until, told: true });
    const refused = await runner.send({ messageId: `told-${code}`, to, text: "told" });
    expect(refused).toMatchObject({
      outcome: "not_sent",
      ack: -1,
      error: { code: error, until: new Date(until).toISOString() },
    });

    await world.simulator.control.limitAccount(ACCOUNT, { code });
    const untold = await runner.send({ messageId: `untold-${code}`, to, text: "untold" });
    expect(untold).toMatchObject({ outcome: "not_sent", error: { code: error, until: null } });
  },
);

test("what a limit kept back goes out under its id once, when it is handed over again", async () => {
  const command = { messageId: "again", to: stranger(3), text: "again" };
  await world.simulator.control.limitAccount(ACCOUNT, { code: 463 });
  const refused = await runner.send(command);
  expect(refused).toMatchObject({ outcome: "not_sent" });
  expect(await (await runner.get("/sends/again")).json()).toEqual(refused);

  await world.simulator.control.limitAccount(ACCOUNT, null);
  // The same attempt again, whose answer was lost, is no other one.
  expect(await runner.send(command)).toEqual(refused);
  const again = { ...command, attempt: 2 };
  const sent = await runner.send(again);
  expect(sent).toMatchObject({ outcome: "sent", error: null });
  expect(sent.whatsappId).not.toBe(refused.whatsappId);
  expect(await runner.send(again)).toEqual(sent);
  expect((await bodies()).filter((body) => body === "again")).toHaveLength(1);
});

test("a chat that the page has no messages of is refused here, where that is asked for; WhatsApp sees nothing", async () => {
  const refusals = async () => (await world.simulator.control.refused()).length;
  await world.simulator.control.deliver(ACCOUNT, { from: FRIEND, body: "hello" });
  await world.simulator.control.limitAccount(ACCOUNT, { code: 463 });
  const before = await refusals();
  const limited = { newChatsRefused: "account_restricted" } as const;

  expect(await runner.send({ messageId: "known", to: FRIEND, text: "known", ...limited })).toMatchObject({
    outcome: "sent",
  });
  const strange = await runner.send({ messageId: "strange", to: stranger(4), text: "strange", ...limited });
  expect(strange).toMatchObject({ outcome: "not_sent", ack: null, error: { code: "account_restricted" } });
  expect(await refusals()).toBe(before);

  // Nor does it know a chat by a message of ours that was refused.
  await runner.send({ messageId: "tried", to: stranger(4), text: "tried" });
  expect(await refusals()).toBe(before + 1);
  expect(await runner.send({ messageId: "after", to: stranger(4), text: "after", ...limited })).toMatchObject(
    { outcome: "not_sent", ack: null },
  );
  expect(await refusals()).toBe(before + 1);
});

test("another refusal has its code in the words", async () => {
  await world.simulator.control.fault({ kind: "refuse", code: 421 });
  expect(await runner.send({ to: FRIEND, text: "no" })).toMatchObject({
    outcome: "not_sent",
    error: { code: "rejected", message: "WhatsApp refused the message (error 421)." },
  });
});
