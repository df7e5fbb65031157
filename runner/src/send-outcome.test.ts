import { expect, test } from "vitest";
import type { JournaledSend } from "./journal-entries.ts";
import { newRecord, settledBy, unknownOutcome } from "./send-outcome.ts";

const keyed: JournaledSend = { ...newRecord("m1"), key: "true_1@c.us_A" };
const seen = (ack: number, key = "true_1@c.us_A") => ({
  key,
  shortId: "A",
  ack,
  unixSeconds: 1_700_000_000,
  refusal: null,
});

test.each([
  [0, "pending"],
  [1, "sent"],
  [3, "sent"],
  [-1, "not_sent"],
])("ack %i of a message in hand: %s", (ack, outcome) => {
  expect(settledBy(keyed, seen(ack))).toMatchObject({ outcome, ack, whatsappId: "true_1@c.us_A" });
});

test("a message stands under its sibling's id", () => {
  expect(settledBy(keyed, seen(1, "true_9@lid_A"))).toMatchObject({
    outcome: "sent",
    whatsappId: "true_9@lid_A",
  });
});

test("what the server took is never taken back", () => {
  const sent = settledBy(keyed, seen(2));
  expect(settledBy(sent, seen(0))).toBe(sent);
  expect(settledBy(sent, seen(-1))).toBe(sent);
  expect(settledBy(sent, seen(1))).toBe(sent);
  expect(settledBy(sent, seen(3))).toMatchObject({ outcome: "sent", ack: 3 });
});

test("an outcome that was unknown or a failure is corrected by an ack, not by a place in the queue", () => {
  for (const before of [unknownOutcome(keyed), settledBy(keyed, seen(-1))]) {
    expect(settledBy(before, seen(0))).toBe(before);
    expect(settledBy(before, seen(1))).toMatchObject({ outcome: "sent", error: null });
  }
});
