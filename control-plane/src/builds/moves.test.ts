import { expect, it } from "vitest";
import { createMoves } from "./moves.ts";

const MINUTE = 60_000;
const make = () => {
  const clock = { at: 0, now: () => clock.at };
  return { clock, moves: createMoves({ clock }) };
};

it("lets three sessions leave a build in a minute, and none of them again within ten", () => {
  const { clock, moves } = make();
  const may = (...ids: string[]) => ids.map((id) => moves.mayLeave(id, "left"));
  expect(may("a", "b", "c", "d")).toEqual([true, true, true, false]);
  clock.at = MINUTE;
  expect(may("a", "d")).toEqual([false, true]);
  clock.at = 10 * MINUTE;
  expect(may("a", "d")).toEqual([true, false]);
});

it("lets one that tried a build leave it however many others do, and again after five seconds", () => {
  const { clock, moves } = make();
  for (const id of ["a", "b", "c"]) moves.mayLeave(id, "left");
  expect(moves.mayLeave("tried", "tried")).toBe(true);
  clock.at = 4_999;
  expect(moves.mayLeave("tried", "tried")).toBe(false);
  clock.at = 5_000;
  expect(moves.mayLeave("tried", "tried")).toBe(true);
});

it("lets those leave at once whom WhatsApp refuses their build, and none of them again within ten minutes", () => {
  const { clock, moves } = make();
  const may = () => ["a", "b", "c", "d"].map((id) => moves.mayLeave(id, "refused"));
  expect(may()).toEqual([true, true, true, true]);
  expect(moves.mayLeave("e", "left")).toBe(true);
  clock.at = 10 * MINUTE - 1;
  expect(may()).toEqual([false, false, false, false]);
});

it("lets three sessions take a build over in ten minutes, or one where little is known of it", () => {
  const { clock, moves } = make();
  expect(["a", "b"].map((id) => moves.mayTake(id, true))).toEqual([true, false]);
  expect(["a", "b", "c", "d"].map((id) => moves.mayTake(id, false))).toEqual([true, true, true, false]);
  clock.at = 10 * MINUTE;
  expect(moves.mayTake("d", true)).toBe(true);
});
