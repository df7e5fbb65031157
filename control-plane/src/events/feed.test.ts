import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "@whatsapp-engine/contract/api";
import { deliveries, openDatabase, webhooks, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventFeed, type EventFeed } from "./feed.ts";
import { createEventRetention } from "./retention.ts";
import { createEventStore, type EventStore } from "./store.ts";

const DAY = 24 * 60 * 60_000;

let dir: string;
let database: OpenDatabase;
let store: EventStore;
let feed: EventFeed;
let now = 0;
const clock = { now: () => now };

beforeEach(() => {
  now = 100 * DAY;
  dir = mkdtempSync(join(tmpdir(), "feed-"));
  database = openDatabase(dir);
  store = createEventStore({ db: database.db, clock });
  feed = createEventFeed({ store });
});
afterEach(() => {
  feed.close();
  database.close();
  rmSync(dir, { recursive: true });
});

const connected = { name: null, status: "connected", reason: null } as const;

/** Events in turn of the sessions a, b, c, d; every tenth is that a session was made. */
function fill(count: number): void {
  database.db.transaction(() => {
    for (let i = 0; i < count; i++) {
      const sessionId = "abcd"[i % 4] ?? "";
      if (i % 10 === 0) store.append(sessionId, "session.created", { name: null });
      else store.append(sessionId, "session.status", connected);
    }
  });
}
const idsOf = (events: readonly Event[]) => events.map(({ id }) => id);

/** Reads a stream until that many events came. */
async function take(
  count: number,
  filter: Parameters<EventFeed["follow"]>[0],
  from: number,
): Promise<Event[]> {
  const taken: Event[] = [];
  const ended = new AbortController();
  for await (const { events } of feed.follow(filter, from, { idleMs: 60_000, signal: ended.signal })) {
    taken.push(...events);
    if (taken.length >= count) ended.abort();
  }
  return taken;
}

describe("pages of events", () => {
  it.each([
    ["all", {}, 1_003],
    ["of a session", { sessionId: "b" }, 251],
    ["of a type", { types: ["session.created"] as const }, 101],
    ["of a session and a type", { sessionId: "a", types: ["session.created"] as const }, 51],
  ])("have each event once, in order: %s", async (_, filter, expected) => {
    fill(1_003);
    const seen: Event[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page = await feed.page(filter, { after, limit: 50 });
      expect(page.events.length).toBeLessThanOrEqual(50);
      expect(page.missed).toBe(false);
      seen.push(...page.events);
      after = page.nextCursor;
    }
    expect(seen).toHaveLength(expected);
    expect(idsOf(seen)).toEqual(idsOf(seen).toSorted((one, other) => one - other));
    expect(new Set(idsOf(seen)).size).toBe(expected);
  });

  it("say up to where they looked, so that a later question begins there", async () => {
    fill(30);
    const page = await feed.page({ types: ["session.deleted"] }, { limit: 10 });
    expect(page).toEqual({ events: [], nextCursor: null, position: 30, missed: false });
    expect((await feed.page({}, { limit: 30 })).nextCursor).toBeNull();
  });

  it("begin in a session after any id, also another session's", async () => {
    fill(40);
    const page = await feed.page({ sessionId: "c" }, { after: 10, limit: 2 });
    expect(idsOf(page.events)).toEqual([11, 15]);
    expect(idsOf((await feed.page({ sessionId: "c" }, { after: 12, limit: 2 })).events)).toEqual([15, 19]);
    await expect(feed.page({ sessionId: "nobody" }, { limit: 1 })).rejects.toThrow(/Session not found/);
  });
});

describe("a stream of events", () => {
  it("goes over from what is kept to what happens, without gap or double", async () => {
    fill(1_000);
    const reading = take(1_300, {}, 0);
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      fill(10);
    }
    expect(idsOf(await reading)).toEqual(Array.from({ length: 1_300 }, (_, i) => i + 1));
  });

  it("finds a rare type behind many others", async () => {
    fill(2_000);
    store.append("a", "session.deleted", {});
    expect(idsOf(await take(1, { types: ["session.deleted"] }, 0))).toEqual([2_001]);
  });

  it("shows that it lives when nothing comes, and up to where it looked", async () => {
    fill(250);
    const ended = new AbortController();
    const stream = feed.follow({ types: ["session.deleted"] }, 0, { idleMs: 20, signal: ended.signal });
    expect((await stream.next()).value).toEqual({ events: [], position: 250 });
    ended.abort();
    expect((await stream.next()).done).toBe(true);
  });
});

describe("retention", () => {
  const sweep = (keepMs: number) => {
    const step = createEventRetention({ db: database.db, clock, keepMs });
    while (step() > 0);
  };
  const kept = () => store.page({ after: 0, limit: 10_000 }).map(({ id }) => id);

  it("removes what is older, but never the newest of a session, so that its numbers go on", async () => {
    fill(1_400);
    now += 31 * DAY;
    store.append("a", "session.status", connected);
    sweep(30 * DAY);
    expect(kept()).toEqual([1_398, 1_399, 1_400, 1_401]);
    store.append("b", "session.status", connected);
    expect(store.page({ after: 1_401, limit: 1 })[0]).toMatchObject({ sessionId: "b", seq: 351 });
  });

  it("removes nothing if events are kept for ever", () => {
    fill(20);
    now += 10_000 * DAY;
    sweep(0);
    expect(kept()).toHaveLength(20);
  });

  it("keeps what a webhook still waits for, and takes deliveries along with their event", () => {
    fill(40);
    const at = { createdAt: now, updatedAt: now };
    database.db
      .insert(webhooks)
      .values({ id: "w", url: "http://x", secret: "s", enabled: true, ...at })
      .run();
    const row = { webhookId: "w", sessionId: "a", nextAttemptAt: now, ...at };
    database.db
      .insert(deliveries)
      .values([
        { ...row, eventId: 1, state: "waiting" },
        { ...row, eventId: 2, state: "dead" },
        { ...row, eventId: 3, state: "delivered" },
      ])
      .run();
    now += 31 * DAY;
    sweep(30 * DAY);
    expect(kept()).toEqual([1, 37, 38, 39, 40]);
    expect(
      database.db
        .select()
        .from(deliveries)
        .all()
        .map(({ state }) => state),
    ).toEqual(["waiting"]);
  });

  it("is told to who asks for a point that is gone, and to who comes from another database", async () => {
    fill(400);
    now += 31 * DAY;
    fill(4);
    sweep(30 * DAY);
    expect(store.removedTo()).toBe(400);
    const ask = async (after: number) => {
      const { events, missed } = await feed.page({}, { after, limit: 1 });
      return [events[0]?.id, missed];
    };
    expect(await ask(0)).toEqual([401, false]);
    expect(await ask(17)).toEqual([401, true]);
    expect(await ask(400)).toEqual([401, false]);
    expect(await ask(9_999)).toEqual([401, true]);
    expect(feed.begin({}, 17)).toEqual({ from: 17, missed: true });
    expect(feed.begin({}, undefined)).toEqual({ from: 404, missed: false });
  });
});
