import { expect, test } from "vitest";
import { createSoftMark } from "./soft-mark.ts";

const MINUTE = 60_000;

/** What is decided at looks that come every 15 s. */
const looks = (softMb: number, seen: { usedMb: number | null; busy?: boolean }[]) => {
  const decide = createSoftMark(softMb);
  return seen.map(({ usedMb, busy = false }, index) => decide({ usedMb, busy, now: index * 15_000 }));
};
const high = { usedMb: 401 };

test("above the mark at two looks running: the page, then the browser, each once in ten minutes", () => {
  const decided = looks(
    400,
    Array.from({ length: 50 }, () => high),
  );
  const done = decided.flatMap((relief, index) =>
    relief === null ? [] : [[relief, (index * 15_000) / MINUTE]],
  );
  expect(done).toEqual([
    ["page", 0.25],
    ["browser", 0.75],
    ["page", 10.25],
    ["browser", 10.75],
  ]);
});

test("one look above it, one at it, and one that tells nothing are no reason", () => {
  expect(looks(400, [high, { usedMb: 400 }, high, { usedMb: null }, high])).toEqual([
    null,
    null,
    null,
    null,
    null,
  ]);
});

test("while something is under way it waits, and then it does not wait again", () => {
  const busy = { usedMb: 401, busy: true };
  expect(looks(400, [high, busy, busy, high])).toEqual([null, null, null, "page"]);
});

test("no mark, no relief", () => {
  expect(looks(0, [high, high, high])).toEqual([null, null, null]);
});
