import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { eq } from "drizzle-orm";
import type { MessageStatus } from "@whatsapp-engine/contract/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenDatabase } from "./open.ts";
import { openDatabase } from "./prepare.ts";
import { bulks, messages, sessions, type MessageRow } from "./schema/index.ts";
import { olderMigrations } from "./test-support/older.ts";

const DAY = 24 * 60 * 60_000;
const MIDNIGHT = Date.UTC(2026, 0, 2);
const times = { createdAt: MIDNIGHT, updatedAt: MIDNIGHT };

let dir: string;
let database: OpenDatabase;
let ids: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "views-"));
  database = openDatabase(dir);
  ids = 0;
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

function add(status: MessageStatus, change: Partial<MessageRow> = {}): string {
  const id = `m${++ids}`;
  database.db
    .insert(messages)
    .values({
      id,
      sessionId: "a",
      recipient: "62",
      type: "text",
      status,
      position: status === "queued" ? ids : null,
      ...times,
      ...change,
    })
    .run();
  return id;
}
const move = (id: string, change: Partial<MessageRow>) =>
  database.db.update(messages).set(change).where(eq(messages.id, id)).run();
/** As an administrator reads it, beside the engine. */
function read(sql: string): unknown[] {
  const reader = new Sqlite(join(dir, "engine.sqlite"), { readonly: true });
  try {
    return reader.prepare(sql).all();
  } finally {
    reader.close();
  }
}
const outcomes = (sql = "select * from outcome_by_day") =>
  (read(sql) as Record<string, string | number>[]).map((row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== 0)),
  );

describe("outcome_by_day", () => {
  it("counts a message once, under what it has come to, on the day it was handed over", () => {
    const id = add("queued");
    expect(outcomes()).toEqual([]);
    move(id, { status: "sending", handedAt: MIDNIGHT + DAY });
    expect(outcomes()).toEqual([]);
    const row = { day: "2026-01-03", session: "a" };
    move(id, { status: "unknown" });
    expect(outcomes()).toEqual([{ ...row, unknown: 1 }]);
    move(id, { status: "sent" });
    expect(outcomes()).toEqual([{ ...row, sent: 1 }]);
    move(id, { status: "sent", updatedAt: MIDNIGHT + 2 * DAY });
    move(id, { status: "delivered" });
    expect(outcomes()).toEqual([{ ...row, sent: 1, delivered: 1 }]);
    move(id, { status: "read" });
    expect(outcomes()).toEqual([{ ...row, sent: 1, delivered: 1, read: 1 }]);
  });

  it("counts what never went out on the day it was accepted", () => {
    move(add("queued"), { status: "expired" });
    move(add("queued"), { status: "cancelled" });
    add("failed");
    move(add("sending"), { status: "queued" });
    expect(outcomes()).toEqual([{ day: "2026-01-02", session: "a", failed: 1, expired: 1, cancelled: 1 }]);
  });

  it("keeps the counts of messages that were removed, and lists newest days first", () => {
    add("sent");
    add("sent", { handedAt: MIDNIGHT + DAY - 1 });
    add("read", { sessionId: "b", handedAt: MIDNIGHT + DAY });
    database.db.delete(messages).run();
    expect(outcomes()).toEqual([
      { day: "2026-01-03", session: "b", sent: 1, delivered: 1, read: 1 },
      { day: "2026-01-02", session: "a", sent: 2 },
    ]);
    expect(outcomes("select session, sent from outcome_by_day where day = '2026-01-02'")).toEqual([
      { session: "a", sent: 2 },
    ]);
  });

  it("has the history that was there before it was counted", () => {
    database.close();
    rmSync(dir, { recursive: true });
    dir = mkdtempSync(join(tmpdir(), "views-"));
    const migrations = olderMigrations(dir, "0004_outcomes_by_day");
    const old = new Sqlite(join(dir, "engine.sqlite"));
    migrate(drizzle(old), { migrationsFolder: migrations });
    old.exec(
      `insert into messages (id, session_id, recipient, type, status, handed_at, created_at, updated_at) values
        ('1', 'a', '62', 'text', 'read', ${MIDNIGHT + DAY}, ${MIDNIGHT}, ${MIDNIGHT}),
        ('2', 'a', '62', 'text', 'sent', ${MIDNIGHT + DAY}, ${MIDNIGHT}, ${MIDNIGHT}),
        ('3', 'a', '62', 'text', 'queued', null, ${MIDNIGHT}, ${MIDNIGHT})`,
    );
    old.close();
    database = openDatabase(dir);
    expect(outcomes()).toEqual([{ day: "2026-01-03", session: "a", sent: 2, delivered: 1, read: 1 }]);
    move("2", { status: "read" });
    expect(outcomes()).toEqual([{ day: "2026-01-03", session: "a", sent: 2, delivered: 2, read: 2 }]);
  });
});

describe("backlog", () => {
  it("tells in line from scheduled and paused, and how long the first has waited", () => {
    database.db
      .insert(sessions)
      .values({ id: "a", desired: "running", status: "disconnected", reason: "runner_lost", ...times })
      .run();
    database.db
      .insert(bulks)
      .values([
        { id: "held", sessionId: "a", state: "paused", total: 3, ...times },
        { id: "going", sessionId: "a", state: "running", total: 1, ...times },
      ])
      .run();
    add("queued", { position: 9, createdAt: MIDNIGHT });
    // Was scheduled, and got into line before the other.
    add("queued", { position: 8, createdAt: MIDNIGHT - DAY, scheduledAt: MIDNIGHT + 61_000 });
    add("queued", { position: 10, bulkId: "going" });
    add("queued", { position: null, scheduledAt: MIDNIGHT + DAY });
    add("queued", { position: null, bulkId: "held" });
    add("queued", { position: null, bulkId: "held", scheduledAt: MIDNIGHT + DAY });
    add("queued", { position: 1, createdAt: MIDNIGHT - DAY, waitsFor: "account_restricted" });
    add("queued", { position: null, bulkId: "held", waitsFor: "account_restricted" });
    add("sent", { bulkId: "held" });
    add("sending");
    add("sent", { sessionId: "idle" });
    add("sending", { sessionId: "gone" });
    expect(read("select * from backlog")).toEqual([
      {
        session: "a",
        session_status: "disconnected",
        session_reason: "runner_lost",
        queued: 3,
        scheduled: 1,
        paused: 2,
        limited: 2,
        sending: 1,
        oldest_queued: "2026-01-02 00:01:01",
      },
      {
        session: "gone",
        session_status: "deleted",
        session_reason: null,
        queued: 0,
        scheduled: 0,
        paused: 0,
        limited: 0,
        sending: 1,
        oldest_queued: null,
      },
    ]);
  });

  it("counts by index, not by looking at messages", () => {
    const plan = JSON.stringify(read("explain query plan select * from backlog"));
    expect(plan).toContain("COVERING INDEX messages_line");
    expect(plan).not.toMatch(/SCAN m\b|messages_session/);
  });
});

describe("unknown_messages", () => {
  it("shows what needs a look into the chat, newest first, by its index", () => {
    add("unknown", {
      handedAt: MIDNIGHT + 1_000,
      attempts: 1,
      errorCode: "outcome_unknown",
      errorMessage: "?",
    });
    add("unknown", { createdAt: MIDNIGHT + 1, body: "x".repeat(100), bulkId: "b" });
    add("failed");
    expect(read("select * from unknown_messages")).toEqual([
      {
        message: "m2",
        session: "a",
        recipient: "62",
        type: "text",
        text: "x".repeat(60),
        handed_over: null,
        attempts: 0,
        error: null,
        whatsapp_id: null,
        bulk: "b",
      },
      expect.objectContaining({ message: "m1", handed_over: "2026-01-02 00:00:01", attempts: 1, error: "?" }),
    ]);
    const plan = JSON.stringify(read("explain query plan select * from unknown_messages"));
    expect(plan).toContain("messages_unknown");
  });
});

describe("message_overview", () => {
  it("shows the newest messages of all sessions without reading the history", () => {
    const plan = JSON.stringify(read("explain query plan select * from message_overview limit 100"));
    expect(plan).toContain("USING INDEX messages_created");
  });
});

describe("session_overview", () => {
  it("counts without looking at messages", () => {
    database.db
      .insert(sessions)
      .values({ id: "a", desired: "running", status: "connected", ...times })
      .run();
    for (const status of ["sent", "delivered", "read", "failed", "unknown", "queued"] as const) add(status);
    expect(read("select messages_sent, messages_failed, messages_unknown from session_overview")).toEqual([
      { messages_sent: 3, messages_failed: 1, messages_unknown: 1 },
    ]);
    expect(JSON.stringify(read("explain query plan select * from session_overview"))).not.toContain(
      "messages_",
    );
  });
});
