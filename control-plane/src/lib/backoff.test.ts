import { beforeEach, expect, it } from "vitest";
import { createBackoff } from "./backoff.ts";

const MINUTE = 60_000;

let now: number;
beforeEach(() => void (now = 1_000_000));
/** Where `random` is 1 the wait is the whole one. */
const create = (random = 1) => createBackoff({ clock: { now: () => now }, random: () => random });

/** Fails, and comes back when it is due, so many times; answers the waits. */
const failing = (backoff: ReturnType<typeof create>, times: number) =>
  Array.from({ length: times }, () => {
    const wait = backoff.fail("a");
    now += wait;
    return wait;
  });

it("the first start comes at once, each one after it later, up to a minute", () => {
  expect(failing(create(), 9)).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000));
  now = 1_000_000;
  expect(failing(create(0), 4)).toEqual([0, 500, 1_000, 2_000]);
});

it("it begins anew after five minutes without trouble, and not a moment before", () => {
  const backoff = create();
  failing(backoff, 4);
  now += 5 * MINUTE - 1;
  expect(failing(backoff, 1)).toEqual([8_000]);
  now += 5 * MINUTE;
  expect(failing(backoff, 2)).toEqual([0, 1_000]);
});

it("the time that it waits is no time without trouble", () => {
  const backoff = create();
  failing(backoff, 7);
  const wait = backoff.fail("a");
  expect(wait).toBe(MINUTE);
  now += wait + 5 * MINUTE - 1;
  expect(backoff.fail("a")).toBe(MINUTE);
});

it("tells how long it still is, for each by itself, and nothing of one that was reset", () => {
  const backoff = create();
  failing(backoff, 3);
  backoff.fail("a");
  now += 1_500;
  expect([backoff.remaining("a"), backoff.remaining("b"), backoff.fail("b")]).toEqual([2_500, 0, 0]);
  backoff.reset("a");
  expect([backoff.remaining("a"), backoff.fail("a")]).toEqual([0, 0]);
});
