import { expect, test, vi } from "vitest";
import type { PageHealth } from "./client.ts";
import { watchPage } from "./watchdog.ts";

const watch = async (answers: PageHealth[]) => {
  const onHung = vi.fn();
  const health = vi.fn(async () => answers.shift() ?? "answering");
  const stop = watchPage({ health, onHung, everyMs: 1, answerMs: 1 });
  await vi.waitFor(() => expect(answers).toEqual([]));
  stop();
  return onHung.mock.calls.length;
};

test("two silences in a row, and the page hangs", async () => {
  expect(await watch(["answering", "silent", "silent"])).toBe(1);
});

test("one silence now and then is no hang", async () => {
  expect(await watch(["silent", "answering", "silent", "answering"])).toBe(0);
});
