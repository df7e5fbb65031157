import pino from "pino";
import { beforeEach, expect, it } from "vitest";
import { createClockCheck } from "./clock-check.ts";

const DAY_MS = 24 * 60 * 60_000;
const WRITTEN = Date.UTC(2026, 10, 1);

let wall: number;
let steady: number;
const lines: string[] = [];
const check = (newestAt: number | null = WRITTEN) =>
  createClockCheck({
    newestAt,
    clock: { now: () => wall },
    steady: { now: () => steady },
    log: pino({}, { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) }),
  });
const pass = (ms: number) => {
  wall += ms;
  steady += ms;
};
beforeEach(() => {
  steady = 1_000;
  lines.length = 0;
});

it.each([0, -30_000, 29 * DAY_MS])("trusts a clock that is %i ms from what was written last", (ms) => {
  wall = WRITTEN + ms;
  expect([check().isPlausible(), lines]).toEqual([true, []]);
});

it("trusts any where nothing was written before", () => {
  wall = 0;
  expect(check(null).why()).toBeNull();
});

it("does not trust one that is before what was written last, until it is set, or went on steadily", () => {
  wall = Date.UTC(1970, 0, 1);
  const { why } = check();
  expect(why()).toBe(
    "The clock says 1970-01-01T00:00:00.000Z, before what was written last (2026-11-01T00:00:00.000Z); nothing is removed or given up for its age until it is right.",
  );
  const kept = check();
  pass(4 * 60_000);
  expect([why(), kept.isPlausible()]).toEqual([expect.any(String), false]);
  wall = WRITTEN + DAY_MS;
  expect(why()).toBeNull();
  // What was written last was written by a clock that was ahead.
  wall = Date.UTC(2025, 0, 1);
  expect(kept.isPlausible()).toBe(false);
  pass(6 * 60_000);
  expect(kept.isPlausible()).toBe(true);
  expect(lines).toContain("the clock is plausible; what is too old goes again");
});

it("does not trust one that is far ahead, until it is set, or went on steadily for five minutes", () => {
  wall = WRITTEN + 400 * DAY_MS;
  const [set, kept] = [check(), check()];
  expect([set.isPlausible(), kept.isPlausible()]).toEqual([false, false]);
  pass(4 * 60_000);
  expect(kept.isPlausible()).toBe(false);
  const before = wall;
  wall = WRITTEN + DAY_MS;
  expect(set.isPlausible()).toBe(true);
  wall = before;
  pass(2 * 60_000);
  expect(kept.isPlausible()).toBe(true);
});

it("begins anew with one that is set while it is watched", () => {
  wall = WRITTEN + 400 * DAY_MS;
  const { isPlausible } = check();
  pass(4 * 60_000);
  isPlausible();
  wall += 100 * DAY_MS;
  expect(isPlausible()).toBe(false);
  pass(4 * 60_000);
  expect(isPlausible()).toBe(false);
  pass(2 * 60_000);
  expect(isPlausible()).toBe(true);
});
