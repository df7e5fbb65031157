import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messages, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPace, type Pace, type PaceLimits } from "./pace.ts";
import { createPeople, type People } from "../people/index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 2);
const NONE: PaceLimits = {
  perMinute: 0,
  burst: 1,
  pauseMs: 0,
  perDay: 0,
  recipientPauseMs: 0,
  recipientPerDay: 0,
};
const A = "6281111111111";
const B = "6282222222222";

let dir: string;
let database: OpenDatabase;
let now: number;
let people: People;
let pace: Pace;
let defaults: PaceLimits;
let handedCount: number;

const restart = () => {
  const deps = { db: database.db, clock: { now: () => now } };
  people = createPeople(deps);
  pace = createPace({ ...deps, people, defaults });
};
const start = (limits: Partial<PaceLimits>) => {
  defaults = { ...NONE, ...limits };
  restart();
};
/** What the hand-over does: it asks, writes the row, then tells the pace. */
function hand(recipient = A, sessionId = "a"): void {
  pace.readyAt(sessionId);
  pace.recipientReadyAt(sessionId, recipient);
  database.db
    .insert(messages)
    .values({
      id: String(++handedCount),
      sessionId,
      recipient,
      type: "text",
      status: "sent",
      handedAt: now,
      createdAt: now,
      updatedAt: now,
    })
    .run();
  pace.handed(sessionId, recipient, now);
}
/** How long the next one has to wait, by what is in memory and by what a restart finds. */
function waits(recipient?: string, sessionId = "a"): number {
  const ask = () =>
    Math.max(
      0,
      (recipient === undefined ? pace.readyAt(sessionId) : pace.recipientReadyAt(sessionId, recipient)) - now,
    );
  const remembered = ask();
  restart();
  expect(ask(), "after a restart").toBe(remembered);
  return remembered;
}
/** Sends as fast as it may for so long; answers when, in ms from the beginning. */
function sendFor(ms: number): number[] {
  const begin = now;
  const times: number[] = [];
  for (;;) {
    const at = Math.max(now, pace.readyAt("a"));
    if (at >= begin + ms) {
      now = begin + ms;
      return times;
    }
    now = at;
    times.push(now - begin);
    hand();
  }
}
/** How often the database is asked from now on. */
function countQueries(): () => number {
  const client = database.db.$client;
  const prepare = client.prepare.bind(client);
  let count = 0;
  client.prepare = ((text: string) => {
    count += 1;
    return prepare(text);
  }) as typeof client.prepare;
  return () => count;
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pace-"));
  database = openDatabase(dir);
  // Thousands of rows, of which none has to outlive the machine.
  database.db.$client.pragma("synchronous = OFF");
  now = START;
  handedCount = 0;
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

describe("pace of a session", () => {
  it("is none without limits, and then asks the database nothing but once for own limits", () => {
    start({});
    expect(pace.readyAt("a")).toBe(0);
    const queries = countQueries();
    for (let i = 0; i < 100; i++) {
      pace.handed("a", A, now);
      expect(pace.readyAt("a")).toBe(0);
      expect(pace.recipientReadyAt("b", A)).toBe(0);
    }
    expect(queries()).toBe(0);
  });

  it("lets a burst go, then so many a minute, and a burst again after a rest", () => {
    start({ perMinute: 20, burst: 3 });
    expect(sendFor(10 * SECOND)).toEqual([0, 0, 0, 3_000, 6_000, 9_000]);
    expect(waits()).toBe(2 * SECOND);
    now += 8 * SECOND;
    expect(waits()).toBe(0);
    expect(sendFor(1)).toHaveLength(3);
  });

  it("takes up no fractions of a millisecond as times, nor loses them", () => {
    start({ perMinute: 7, burst: 1 });
    const times = sendFor(HOUR);
    expect(times.every(Number.isInteger)).toBe(true);
    expect(times).toHaveLength(7 * 60);
  });

  it("is the same after a restart in the middle of a long queue, however long", () => {
    start({ perMinute: 60, burst: 5 });
    sendFor(10 * MINUTE - 400);
    expect(waits()).toBe(400);
    // At less than the rate the bucket fills, and a restart knows how far.
    for (let i = 0; i < 200; i++) {
      now += 1_200;
      expect(waits()).toBe(0);
      hand();
    }
    expect(sendFor(1)).toHaveLength(4);
  });

  it("begins with an empty bucket, not with a debt, where a limit is set on what ran without one", () => {
    start({});
    for (let i = 0; i < 1_000; i++) hand();
    pace.setLimits("a", { perMinute: 6, burst: 2 });
    expect(waits()).toBe(10 * SECOND);
    now += 20 * SECOND;
    expect(sendFor(1)).toHaveLength(2);
  });

  it("pauses between two", () => {
    start({ pauseMs: 1_500 });
    expect(sendFor(4 * SECOND)).toEqual([0, 1_500, 3_000]);
    expect(waits()).toBe(500);
    expect(waits(undefined, "b")).toBe(0);
  });

  it("has a cap for any 24 hours, not for a date", () => {
    start({ perDay: 3 });
    hand();
    now += HOUR;
    hand();
    hand();
    expect(waits()).toBe(23 * HOUR);
    now += 23 * HOUR;
    expect(waits()).toBe(0);
    hand();
    expect(waits()).toBe(HOUR);
  });

  it("keeps all limits at once", () => {
    start({ perMinute: 60, burst: 10, pauseMs: 2_000, perDay: 4 });
    expect(sendFor(HOUR)).toEqual([0, 2_000, 4_000, 6_000]);
    expect(waits()).toBe(23 * HOUR);
  });

  it("reads a session once, by its index", () => {
    start({ perMinute: 60, burst: 10, pauseMs: 1, perDay: 100, recipientPauseMs: 1 });
    hand();
    pace.readyAt("a");
    pace.recipientReadyAt("a", A);
    const queries = countQueries();
    for (let i = 0; i < 100; i++) {
      pace.handed("a", String(i), ++now);
      pace.readyAt("a");
      pace.recipientReadyAt("a", A);
    }
    expect(queries()).toBe(0);
    const plan = database.db.$client
      .prepare(
        "explain query plan select handed_at from messages where session_id = 'a' and handed_at <= ? order by handed_at desc",
      )
      .all(now);
    expect(JSON.stringify(plan)).toContain("COVERING INDEX messages_handed");
  });
});

describe("a clock that is set back", () => {
  it("does not hold a session up: what was handed over later counts as now", () => {
    start({ perMinute: 20, burst: 3, pauseMs: 500, perDay: 5, recipientPauseMs: MINUTE });
    for (let i = 0; i < 3; i++) hand();
    now -= 5 * HOUR;
    expect(waits(A)).toBe(MINUTE);
    expect(waits()).toBe(3 * SECOND);
    now += 3 * SECOND;
    hand(B);
    expect(pace.readyAt("a")).toBe(now + 3 * SECOND);
    now += 3 * SECOND;
    hand(B);
    // Five in a day, those of the wrong clock among them.
    expect(pace.readyAt("a") - now).toBe(DAY - 6 * SECOND);
  });

  it("forgets what a clock wrote that was wrong by more than a day", () => {
    start({ perDay: 1, recipientPerDay: 1 });
    now += 300 * DAY;
    hand();
    now -= 300 * DAY;
    expect(waits()).toBe(0);
    expect(waits(A)).toBe(0);
  });
});

describe("pace of a recipient", () => {
  it("pauses between two to the same person, however it is written, and nobody else", () => {
    start({ recipientPauseMs: MINUTE });
    hand(A);
    now += 10 * SECOND;
    expect(waits(A)).toBe(50 * SECOND);
    expect(waits(`${A}@c.us`)).toBe(50 * SECOND);
    expect(waits(B)).toBe(0);
    expect(waits(A, "b")).toBe(0);
    hand(`${B}@c.us`);
    expect(waits(B)).toBe(MINUTE);
    expect(waits()).toBe(0);
  });

  it("has a cap for any 24 hours", () => {
    start({ recipientPerDay: 2, recipientPauseMs: SECOND });
    hand(A);
    now += HOUR;
    hand(A);
    expect(waits(A)).toBe(23 * HOUR);
    expect(waits(B)).toBe(0);
    now += 23 * HOUR;
    expect(waits(A)).toBe(0);
  });

  it("knows in memory only those whose last message still counts", () => {
    start({ recipientPauseMs: MINUTE });
    pace.recipientReadyAt("a", A);
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 500_000; i++) pace.handed("a", `62${i}`, (now += SECOND));
    globalThis.gc?.();
    expect(pace.recipientReadyAt("a", "62499990")).toBeGreaterThan(now);
    expect(pace.recipientReadyAt("a", "62499900")).toBe(0);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 1024 * 1024);
  });
});

describe("limits", () => {
  it("are a session's own where it has them, through a restart, and the settings' else", () => {
    start({ perMinute: 30, burst: 10, perDay: 100 });
    expect(pace.setLimits("a", { perMinute: 60, perDay: 0, pauseMs: undefined })).toEqual({
      ...defaults,
      perMinute: 60,
      perDay: 0,
    });
    restart();
    expect(pace.limitsOf("a")).toMatchObject({ perMinute: 60, perDay: 0, burst: 10 });
    expect(pace.ownLimits("a")).toMatchObject({ perMinute: 60, perDay: 0, burst: null });
    expect(pace.limitsOf("b")).toEqual(defaults);
    expect(pace.setLimits("a", { perMinute: null, burst: 2 })).toMatchObject({
      perMinute: 30,
      perDay: 0,
      burst: 2,
    });
    pace.forget("a");
    expect(pace.limitsOf("a")).toEqual(defaults);
    restart();
    expect(pace.limitsOf("a")).toEqual(defaults);
  });

  it("hold at once when they change, for what went out before", () => {
    start({});
    hand();
    expect(waits()).toBe(0);
    pace.setLimits("a", { pauseMs: MINUTE });
    expect(waits()).toBe(MINUTE);
    pace.setLimits("a", { pauseMs: null });
    expect(waits()).toBe(0);
  });

  it("still count what went out once the session is deleted and made again", () => {
    start({ perDay: 1 });
    hand();
    pace.forget("a");
    expect(waits()).toBe(DAY);
  });

  it("count no message that proved unsent", () => {
    start({ pauseMs: MINUTE, recipientPauseMs: MINUTE });
    expect(pace.readyAt("a") + pace.recipientReadyAt("a", A)).toBe(0);
    hand();
    expect(pace.readyAt("a")).toBe(now + MINUTE);
    database.db.update(messages).set({ handedAt: null }).run();
    pace.reread("a");
    expect(waits()).toBe(0);
    expect(waits(A)).toBe(0);
  });
});

describe("one person by several forms", () => {
  it.each([
    ["5511987654321", "551187654321"],
    ["525512345678", "5215512345678"],
  ])("%s and %s are one recipient", (one, other) => {
    start({ recipientPauseMs: MINUTE, recipientPerDay: 2 });
    hand(one);
    expect(waits(other)).toBe(MINUTE);
    now += MINUTE;
    hand(other);
    expect(waits(one)).toBe(DAY - MINUTE);
  });

  it("and so are a number and a LID, from when WhatsApp tells", () => {
    const LID = "123456789012345@lid";
    start({ recipientPauseMs: MINUTE });
    hand();
    expect(waits(LID)).toBe(0);
    people.learn(A, LID, "received");
    expect(waits(LID)).toBe(MINUTE);
  });
});
