import { expect, it } from "vitest";
import { createStrangers, networkOf } from "./strangers.ts";

it.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2::7", "2001:db8:1:2"],
  ["2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2"],
  ["unknown", "unknown"],
])("%s counts as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it("counts a minute at a time, and tells what the minute before came to", () => {
  let now = 0;
  const { note } = createStrangers({ clock: { now: () => now } });
  expect(note("203.0.113.7")).toEqual({ count: 1, before: 0, retryAfterSeconds: 60 });
  now = 45_000;
  expect(note("203.0.113.7")).toEqual({ count: 2, before: 0, retryAfterSeconds: 15 });
  expect(note("203.0.113.8")).toMatchObject({ count: 1 });
  now = 60_000;
  expect(note("203.0.113.7")).toEqual({ count: 1, before: 1, retryAfterSeconds: 60 });
  now = 0; // a clock that is set back
  expect(note("203.0.113.7")).toMatchObject({ count: 1 });
});

it("remembers no more addresses than it may: those that called last", () => {
  const { note } = createStrangers({ clock: { now: () => 0 }, maxAddresses: 2 });
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"]) note(address);
  expect(note("10.0.0.1").count).toBe(3);
  expect(note("10.0.0.2").count).toBe(1);
});
