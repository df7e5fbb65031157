import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { createBackground } from "../lib/background.ts";
import { createHibernation } from "./hibernation.ts";
import { createLiveSessions, type LiveRunner } from "../connection/live.ts";

const MINUTE = 60_000;
const log = pino({ level: "silent" });

let calls: string[];
let toWake: string[];
let needed: string[];
let live: ReturnType<typeof createLiveSessions>;
let hibernation: ReturnType<typeof createHibernation>;
const runs = (runnerId: string) => live.set("a", { runnerId } as LiveRunner);
beforeEach(() => {
  vi.useFakeTimers();
  [calls, toWake, needed] = [[], [], []];
  live = createLiveSessions();
  hibernation = createHibernation({
    idle: {
      toWake: () => toWake,
      isNeeded: (id) => needed.includes(id),
      notWoken: () => [],
      idle: () => [],
    },
    live,
    sessions: {
      wake: (id) => {
        calls.push(`wake ${id}`);
        toWake = [];
        runs("first");
      },
      hibernate: async (id) => {
        calls.push(`hibernate ${id}`);
        return {} as never;
      },
      letSleep: () => undefined,
    },
    background: createBackground(log),
    clock: systemClock,
    log,
  });
});
afterEach(() => {
  hibernation.close();
  vi.useRealTimers();
});

it("a session that is only woken as it slept for long sleeps again ten minutes later", async () => {
  toWake = ["a"];
  hibernation.open();
  await vi.advanceTimersByTimeAsync(9 * MINUTE);
  expect(calls).toEqual(["wake a"]);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(calls).toEqual(["wake a", "hibernate a"]);
});

it("one that is woken for a message stays", async () => {
  [toWake, needed] = [["a"], ["a"]];
  hibernation.open();
  await vi.advanceTimersByTimeAsync(20 * MINUTE);
  expect(calls).toEqual(["wake a"]);
});

it("one that was started anew since stays", async () => {
  toWake = ["a"];
  hibernation.open();
  await vi.advanceTimersByTimeAsync(5 * MINUTE);
  runs("second");
  await vi.advanceTimersByTimeAsync(15 * MINUTE);
  expect(calls).toEqual(["wake a"]);
});
