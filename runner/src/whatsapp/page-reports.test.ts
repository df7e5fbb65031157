import { expect, test } from "vitest";
import { readFound, readReport } from "./page-reports.ts";

const found = { key: "true_a_1", shortId: "1", ack: 1, unixSeconds: 1, refusal: null };
const told = (report: unknown) => readReport(JSON.stringify(report));

test.each<[string, string]>([
  ["nothing", ""],
  ["no JSON", "hello"],
  ["null", "null"],
  ["no end of brackets", "[".repeat(100_000)],
  ["too long", JSON.stringify({ type: "unreadable", why: "x".repeat(3_000_000) })],
  ["a type that is not known", JSON.stringify({ type: "weather" })],
  ["a type that is none", JSON.stringify({ type: {} })],
  ["a state that is none", JSON.stringify({ type: "socket", state: 7 })],
  ["an ack that is not known", JSON.stringify({ type: "ack", message: { ...found, ack: 5 } })],
  ["a key that is too long", JSON.stringify({ type: "ack", message: { ...found, key: "x".repeat(1_000) } })],
])("%s is said to be unreadable", (_, text) => {
  expect(readReport(text)).toEqual({ report: null, why: expect.stringMatching(/./) });
});

test("what a page says is read; what it cannot know for certain is left out", () => {
  expect(told({ type: "ack", message: found }).report).toEqual({ type: "ack", message: found });
  const odd = { ...found, unixSeconds: "now", refusal: { code: "x", untilUnixMs: {} } };
  expect(told({ type: "ack", message: odd }).report).toMatchObject({
    message: { unixSeconds: null, refusal: { code: null, untilUnixMs: null } },
  });
  const after = { type: "after_send", ref: "m", found: { ...found, ack: 9 }, failure: null, refused: false };
  expect(told(after).report).toEqual({ ...after, found: null });
});

test("of messages that are looked up those count whose ack is known", () => {
  expect(readFound([found, { ...found, ack: 9 }, null, "x"])).toEqual([found]);
});
