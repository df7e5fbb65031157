import { expect, it } from "vitest";
import { shareAnswer } from "./share-answer.ts";

it("asks once for all who ask at once, and within the time that an answer holds", async () => {
  let [asked, now] = [0, 0];
  const ask = shareAnswer(() => Promise.resolve(++asked), { forMs: 1_000, now: () => now });
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  now = 999;
  expect(await ask()).toBe(1);
  now = 1_000;
  expect(await ask()).toBe(2);
});

it("asks no second time while the first one has no answer, and shares failures too", async () => {
  let [asked, now] = [0, 0];
  let fail = (_: Error) => {};
  const call = () => {
    asked += 1;
    return new Promise<never>((_, reject) => (fail = reject));
  };
  const ask = shareAnswer(call, { forMs: 1_000, now: () => now });
  const answers = [ask(), ask()];
  now = 5_000;
  answers.push(ask());
  fail(new Error("gone"));
  for (const answer of answers) await expect(answer).rejects.toThrow("gone");
  expect(asked).toBe(1);
  void ask().catch(() => {});
  expect(asked).toBe(2);
});
