import { describe, expect, it } from "vitest";
import { planRetry, remainingWait, type Failure } from "./retry.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const failure: Failure = { attempts: 1, createdAt: 0, failingSince: 0, answered: true, retryAfterMs: null };
const plan = (change: Partial<Failure>, now = 0, random = () => 1) =>
  planRetry({ ...failure, ...change }, { now, random });
const waitOf = (change: Partial<Failure>, now = 0, random?: () => number) => {
  const planned = plan(change, now, random);
  return planned.action === "retry" ? planned.waitMs : undefined;
};

describe("the retry plan", () => {
  it("tries for about a day, ever less often, then gives up", () => {
    const waits: number[] = [];
    let now = 0;
    for (let attempts = 1; ; attempts++) {
      const waitMs = waitOf({ attempts }, now);
      if (waitMs === undefined) break;
      waits.push(waitMs);
      now += waitMs;
    }
    expect(waits.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000]);
    expect(waits.at(-1)).toBe(HOUR);
    expect(now).toBeGreaterThanOrEqual(24 * HOUR);
    expect(now).toBeLessThan(26 * HOUR);
    expect(waits.length).toBeLessThan(40);
  });

  it("spreads each wait over its upper half", () => {
    expect(waitOf({ attempts: 2 }, 0, () => 0)).toBe(5_000);
    expect(waitOf({ attempts: 2 }, 0, () => 0.5)).toBe(7_500);
    expect(waitOf({ attempts: 10_000 }, 0, () => 0)).toBe(HOUR / 2);
  });

  it("honours Retry-After where it is longer, up to a day", () => {
    expect(waitOf({ retryAfterMs: 10 * MINUTE })).toBe(10 * MINUTE);
    expect(waitOf({ retryAfterMs: 1_000 })).toBe(5_000);
    expect(waitOf({ retryAfterMs: 365 * 24 * HOUR })).toBe(24 * HOUR);
  });

  it("gives an old event its own chance behind one that blocked, and a young one its day behind a dead receiver", () => {
    const now = 30 * HOUR;
    expect(plan({ createdAt: 0, failingSince: now }, now).action).toBe("retry");
    expect(plan({ createdAt: 10 * HOUR, failingSince: 0 }, now).action).toBe("retry");
    expect(plan({ createdAt: 0, failingSince: 0 }, now)).toEqual({ action: "give_up", alsoBefore: null });
  });

  it("gives up all that is a day old where nobody answers", () => {
    expect(plan({ answered: false }, 30 * HOUR)).toEqual({ action: "give_up", alsoBefore: 6 * HOUR });
  });

  it("waits as long as was planned at the most, however far a clock was set back", () => {
    const row = { updatedAt: 100 * HOUR, nextAttemptAt: 100 * HOUR + MINUTE };
    expect(remainingWait(row, 100 * HOUR + 20_000)).toBe(40_000);
    expect(remainingWait(row, 100 * HOUR + 2 * MINUTE)).toBe(0);
    expect(remainingWait(row, 90 * HOUR)).toBe(MINUTE);
  });
});
