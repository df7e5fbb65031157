import { setTimeout as delay } from "node:timers/promises";
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

test("a page that falls silent is hung within 50 s", async () => {
  vi.useFakeTimers();
  const onHung = vi.fn();
  const health = (answerMs: number) =>
    new Promise<PageHealth>((resolve) => setTimeout(resolve, answerMs, "silent"));
  watchPage({ health, onHung }); // it falls silent right after a question
  await vi.advanceTimersByTimeAsync(49_900);
  expect(onHung).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(onHung).toHaveBeenCalledTimes(1);
  vi.useRealTimers();
});

test("one silence now and then is no hang", async () => {
  expect(await watch(["silent", "answering", "silent", "answering"])).toBe(0);
});

test.each(["answering", "silent", "gone"] as const)(
  "a page that is asked when the watch is stopped is not asked again, though it is %s",
  async (answer) => {
    let tell = (_: PageHealth): void => undefined;
    const onHung = vi.fn();
    const health = vi.fn(() => new Promise<PageHealth>((resolve) => (tell = resolve)));
    const stop = watchPage({ health, onHung, everyMs: 1, answerMs: 1 });
    await vi.waitFor(() => expect(health).toHaveBeenCalledTimes(1));
    stop();
    tell(answer);
    await delay(20);
    expect(health).toHaveBeenCalledTimes(1);
    expect(onHung).not.toHaveBeenCalled();
  },
);
