import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { messageStatuses, type MessageStatus } from "@whatsapp-engine/contract/api";
import { bulks, messages, openDatabase, type MessageRow, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRetention } from "./retention.ts";

const DAY = 24 * 60 * 60_000;
const NOW = Date.UTC(2026, 5, 1);

let dir: string;
let database: OpenDatabase;
let ids: number;
let lines: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "retention-"));
  database = openDatabase(dir);
  ids = 0;
  lines = [];
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const retention = (days: number) =>
  createRetention({
    db: database.db,
    clock: { now: () => NOW },
    retentionMs: days * DAY,
    log: pino({}, { write: (line) => void lines.push(line) }),
  });
const log = () => lines.map((line) => JSON.parse(line) as { msg: string; removed: Record<string, number> });
const values = (ageDays: number, status: MessageStatus, change: Partial<MessageRow> = {}) => ({
  id: String(++ids),
  sessionId: "a",
  recipient: "62",
  type: "text" as const,
  status,
  createdAt: NOW - ageDays * DAY,
  updatedAt: NOW - ageDays * DAY,
  ...change,
});
const add = (...all: ReturnType<typeof values>[]) => database.db.insert(messages).values(all).run();
const left = () =>
  database.db
    .select({ id: messages.id })
    .from(messages)
    .orderBy(sql`rowid`)
    .all()
    .map(({ id }) => id);

describe("retention", () => {
  it("removes what is at its end and old, and says how many", async () => {
    add(...messageStatuses.map((status) => values(91, status, { id: `old ${status}` })));
    add(...messageStatuses.map((status) => values(89, status, { id: `young ${status}` })));
    await retention(90).removeOld();
    expect(left()).toEqual([
      "old queued",
      "old sending",
      ...messageStatuses.map((status) => `young ${status}`),
    ]);
    expect(log()).toMatchObject([
      {
        msg: "old messages removed",
        removed: { sent: 1, delivered: 1, read: 1, failed: 1, unknown: 1, expired: 1, cancelled: 1 },
      },
    ]);
    await retention(90).removeOld();
    expect(log()).toHaveLength(1);
  });

  it("counts the age from the last change: accepted long ago, sent today, it stays", async () => {
    add(values(100, "sent", { id: "scheduled", updatedAt: NOW - DAY }));
    await retention(90).removeOld();
    expect(left()).toEqual(["scheduled"]);
  });

  it("goes through all sessions, deleted ones too, and past what stays", async () => {
    const all = ["a", "b", "c"].flatMap((sessionId) =>
      Array.from({ length: 120 }, (_, i) =>
        // Of one moment and of many: neither is passed over, nor looked at for ever.
        values(i < 60 ? 100 : 100 - i / 100, i % 3 === 0 ? "queued" : "sent", { sessionId }),
      ),
    );
    add(...all);
    await retention(90).removeOld();
    expect(left()).toHaveLength(120);
    expect(log()[0]?.removed).toEqual({ sent: 240 });
  });

  it("takes a bulk along with its last message", async () => {
    const bulk = (id: string) => ({
      id,
      sessionId: "a",
      state: "running" as const,
      total: 2,
      createdAt: 0,
      updatedAt: 0,
    });
    database.db
      .insert(bulks)
      .values([bulk("gone"), bulk("kept"), bulk("empty")])
      .run();
    add(values(100, "sent", { bulkId: "gone" }), values(100, "failed", { bulkId: "gone" }));
    add(values(100, "sent", { bulkId: "kept" }), values(1, "sent", { bulkId: "kept" }));
    await retention(90).removeOld();
    // A bulk without messages is about to get them.
    expect(database.db.select({ id: bulks.id }).from(bulks).orderBy(bulks.id).all()).toEqual([
      { id: "empty" },
      { id: "kept" },
    ]);
  });

  it("keeps all with 0 days", async () => {
    add(values(10_000, "sent"));
    const forEver = retention(0);
    expect(await forEver.removeOld()).toBe(0);
    expect(left()).toHaveLength(1);
  });

  it("leaves the thread to others, and ends at once when the engine stops", async () => {
    database.db.run(sql`
      insert into messages (id, session_id, recipient, type, body, status, created_at, updated_at)
      with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 5000)
      select n, 'a', '62', 'text', hex(zeroblob(100)), 'sent', n, n from numbers`);
    const cleanup = retention(90);
    const removing = cleanup.removeOld();
    const seen = [left().length];
    while (seen.at(-1)! > 4_800) {
      await sleep(5);
      seen.push(left().length);
    }
    const steps = seen.slice(1).map((count, i) => seen[i]! - count);
    expect(Math.max(...steps)).toBeLessThanOrEqual(100);
    await cleanup.close();
    expect(await removing).toBe(5_000 - left().length);
    expect(left().length).toBeGreaterThan(4_500);
  });

  it("says what went wrong, and can be tried again", async () => {
    add(values(100, "sent"));
    database.db.run(
      sql`create trigger refuse before delete on messages begin select raise(abort, 'no'); end`,
    );
    const cleanup = retention(90);
    await expect(cleanup.removeOld()).rejects.toThrow("no");
    database.db.run(sql`drop trigger refuse`);
    expect(await cleanup.removeOld()).toBe(1);
    expect(left()).toEqual([]);
  });
});
