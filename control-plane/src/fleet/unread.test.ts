import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSessionStore } from "../sessions/index.ts";
import { createUnread } from "./unread.ts";

const HOUR_MS = 60 * 60_000;

let dir: string;
let database: OpenDatabase;
let now: number;
let logged: number;
let store: ReturnType<typeof createSessionStore>;
let unread: ReturnType<typeof createUnread>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "unread-"));
  database = openDatabase(dir);
  now = Date.parse("2026-11-30T00:00:00Z");
  logged = 0;
  const nothing = () => undefined;
  const clock = { now: () => now };
  const shared = { db: database.db, clock };
  store = createSessionStore({ ...shared, appendEvent: nothing, onForget: nothing, onJournalLost: nothing });
  unread = createUnread({
    ...shared,
    live: { get: nothing as never },
    log: { warn: () => void (logged += 1) },
  });
  store.create("a", null);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const keep = (seq: number | null, text = "?") =>
  unread.keep({ sessionId: "a", profileId: store.profileOf("a")!.id, seq, why: "no JSON", text });
const kept = () => database.db.$client.prepare("select seq, line from unread_lines").all();

it("is passed over and counted once, if it has a number", () => {
  keep(7);
  keep(7);
  expect(store.profileOf("a")?.cursor).toBe(7);
  keep(null);
  expect(unread.list()).toEqual([
    { sessionId: "a", byEngine: 2, byRunner: 0, lastAt: "2026-11-30T00:00:00.000Z" },
  ]);
  expect(logged).toBe(1);
});

it("is kept up to a bound, and counted beyond it", () => {
  for (let n = 1; n <= 500; n++) keep(n, "x".repeat(100_000));
  expect(kept()).toHaveLength(100);
  expect((kept()[0] as { line: string }).line).toHaveLength(65_536);
  expect(unread.list()).toMatchObject([{ byEngine: 500 }]);
  expect(logged).toBe(1);
});

it("goes when events do, as it may hold what people wrote", () => {
  keep(1);
  now += HOUR_MS;
  expect(unread.removeOld(0)).toBe(0);
  expect(unread.removeOld(HOUR_MS + 1)).toBe(0);
  expect(unread.removeOld(HOUR_MS - 1)).toBe(1);
  expect(kept()).toEqual([]);
});

it("shows in the session for a day, and goes with the session", () => {
  expect(unread.isRecent("a")).toBe(false);
  keep(null);
  now += 23 * HOUR_MS;
  expect(unread.isRecent("a")).toBe(true);
  now += 2 * HOUR_MS;
  expect(unread.isRecent("a")).toBe(false);
  store.forget("a");
  expect(kept()).toEqual([]);
  expect(unread.list()).toEqual([]);
});
