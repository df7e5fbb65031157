import { expect, it } from "vitest";
import { createGate, weightOf } from "./gate.ts";

const isOpen = Symbol("still waiting");
const soon = (promise: Promise<unknown>) =>
  Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve(isOpen)))]);

it("lets in as much as there is room for, and the next when one leaves, in the order of coming", async () => {
  const gate = createGate({ room: 2, waitMs: 60_000, of: "Two" });
  const [leave] = await Promise.all([gate.enter(), gate.enter()]);
  const [third, fourth] = [gate.enter(), gate.enter()];
  expect(await soon(third)).toBe(isOpen);
  leave();
  leave();
  const leaveThird = await third;
  expect(await soon(fourth)).toBe(isOpen);
  leaveThird();
  (await fourth)();
});

it("weighs: much that is light, one that is heavier than all its room", async () => {
  const gate = createGate({ room: 10, waitMs: 60_000, of: "Files" });
  const light = await Promise.all([gate.enter(4), gate.enter(4)]);
  const heavy = gate.enter(1_000);
  expect(await soon(heavy)).toBe(isOpen);
  for (const leave of light) leave();
  (await heavy)();
});

it("costs nothing for how much there is room for", async () => {
  const gate = createGate({ room: weightOf(2 ** 33), waitMs: 60_000, of: "Files" });
  const startedAt = performance.now();
  for (let at = 0; at < 100; at++) (await gate.enter(weightOf(100)))();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

it("refuses who waited long enough, who then takes no room", async () => {
  const gate = createGate({ room: 1, waitMs: 20, of: "As many as may (SOME_SETTING)" });
  const leave = await gate.enter();
  await expect(gate.run(() => "never")).rejects.toMatchObject({
    code: "too_busy",
    status: 503,
    retryAfterSeconds: 5,
    message: "As many as may (SOME_SETTING) are under way already; try again in 5 s.",
  });
  leave();
  expect(await gate.run(() => "room")).toBe("room");
});

it("gives its room back when the work fails", async () => {
  const gate = createGate({ room: 1, waitMs: 0, of: "x" });
  const fail = () => gate.run(() => Promise.reject(new Error("failed")));
  await expect(fail()).rejects.toThrow("failed");
  await expect(fail()).rejects.toThrow("failed");
});
