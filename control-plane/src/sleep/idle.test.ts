import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bulks, events, messages, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { aReceivedMessage, aSentMessage } from "../events/test-support/data.ts";
import { createIdle, type Idle } from "./idle.ts";
import { createSessionStore, type SessionStore } from "../sessions/index.ts";

const MINUTE = 60_000;
const START = Date.parse("2026-01-02T03:04:05.000Z");
const DEFAULT_MINUTES = 10;

let dir: string;
let database: OpenDatabase;
let store: SessionStore;
let idle: Idle;
let append: ReturnType<typeof createEventStore>["append"];
let now: number;
const clock = { now: () => now };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "idle-"));
  database = openDatabase(dir);
  const { db } = database;
  now = START;
  append = createEventStore({ db, clock }).append;
  store = createSessionStore({
    db,
    clock,
    appendEvent: append,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  idle = createIdle({ db, defaultMinutes: DEFAULT_MINUTES });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

function connected(id: string, hibernateAfterMinutes: number | null = null): void {
  store.create(id, null, { hibernateAfterMinutes });
  store.transition(store.find(id)!, { status: "connected", reason: null });
}
function hibernated(id: string): void {
  connected(id);
  store.transition(store.find(id)!, { status: "disconnected", reason: "hibernated", desired: "asleep" });
}
type Queued = Partial<typeof messages.$inferInsert>;
const queue = (sessionId: string, change: Queued = {}) =>
  database.db
    .insert(messages)
    .values({
      id: `${sessionId}-m`,
      sessionId,
      recipient: "6281111111111",
      type: "text",
      status: "queued",
      position: 1,
      createdAt: START,
      updatedAt: START,
      ...change,
    })
    .run();
const idleIds = (at: number) => idle.idle(at).map(({ id }) => id);

it("a session may be idle for its own time or else the default; 0 is for ever", () => {
  connected("default");
  connected("own", 30);
  connected("never", 0);
  expect(idleIds(START + 10 * MINUTE - 1)).toEqual([]);
  expect(idle.idle(START + 10 * MINUTE)).toEqual([{ id: "default", mayIdleMs: 10 * MINUTE }]);
  expect(idleIds(START + 365 * 24 * 60 * MINUTE)).toEqual(["default", "own"]);
  expect(createIdle({ db: database.db, defaultMinutes: 0 }).idle(START + 10 * MINUTE)).toEqual([]);
});

it("what happens in it keeps it open, and only a connected one is closed", () => {
  connected("a");
  now = START + 9 * MINUTE;
  append("a", "message.received", aReceivedMessage);
  expect(idleIds(START + 19 * MINUTE - 1)).toEqual([]);
  expect(idleIds(START + 19 * MINUTE)).toEqual(["a"]);
  store.transition(store.find("a")!, { status: "connecting", reason: "reconnecting" });
  expect(idleIds(START + 60 * MINUTE)).toEqual([]);
});

it.each<[string, Queued, boolean]>([
  ["in line", {}, true],
  ["under way", { status: "sending" }, true],
  ["due within two minutes", { position: null, scheduledAt: START + 22 * MINUTE }, true],
  ["due later", { position: null, scheduledAt: START + 22 * MINUTE + 1 }, false],
  ["of a bulk that is held back", { position: null, bulkId: "paused" }, false],
  [
    "due, of a bulk that is held back",
    { position: null, bulkId: "paused", scheduledAt: START + MINUTE },
    false,
  ],
  ["sent", { status: "sent" }, false],
])("a message %s", (_, change, needed) => {
  const bulk = { id: "paused", sessionId: "a", state: "paused" as const, total: 1, createdAt: START };
  database.db
    .insert(bulks)
    .values({ ...bulk, updatedAt: START })
    .run();
  connected("a");
  connected("other");
  queue("a", change);
  expect(idle.isNeeded("a", START + 20 * MINUTE)).toBe(needed);
  expect(idle.isNeeded("other", START + 20 * MINUTE)).toBe(false);
  expect(idleIds(START + 20 * MINUTE)).toEqual(needed ? ["other"] : ["a", "other"]);
});

it("is woken for a message in line or without an outcome, or after a long sleep; stopped by hand it is not", () => {
  for (const id of ["asleep", "line", "under-way", "later"]) hibernated(id);
  connected("stopped");
  store.transition(store.find("stopped")!, { status: "disconnected", reason: "stopped", desired: "stopped" });
  queue("line");
  queue("under-way", { status: "sending" });
  queue("later", { position: null, scheduledAt: START + MINUTE });
  queue("stopped");
  expect(idle.toWake(START - 1)).toEqual(["line", "under-way"]);
  database.db
    .update(events)
    .set({ at: START - MINUTE })
    .where(eq(events.sessionId, "asleep"))
    .run();
  expect(idle.toWake(START - MINUTE).toSorted()).toEqual(["asleep", "line", "under-way"]);
});

it("a long sleep is counted from its beginning, whatever is written of the session meanwhile", () => {
  for (const id of ["no-room", "changed"]) hibernated(id);
  now = START + MINUTE;
  const row = store.find("no-room")!;
  store.transition(row, { status: row.status, reason: row.reason, detail: "There is no room to wake it." });
  store.configure(store.find("changed")!, { hibernateAfterMinutes: 5 });
  append("changed", "message.status", aSentMessage);
  expect(idle.toWake(START - 1)).toEqual([]);
  expect(idle.toWake(START).toSorted()).toEqual(["changed", "no-room"]);
});
