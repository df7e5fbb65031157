import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@whatsapp-engine/contract";
import { messages, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSuppressions, type Suppressions } from "./suppressions.ts";

const NOW = Date.UTC(2026, 0, 2);
const A = "6281111111111";
const B = "6282222222222";
const LID = "123456789012345@lid";
const GROUP = "120363000000000001@g.us";

let dir: string;
let database: OpenDatabase;
let suppressions: Suppressions;
let lines: string[];
const open = (stopWords: string[]) =>
  createSuppressions({
    db: database.db,
    clock: { now: () => NOW },
    stopWords,
    log: pino({}, { write: (line) => void lines.push(line) }),
  });
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "suppressions-"));
  database = openDatabase(dir);
  lines = [];
  suppressions = open(["STOP", "Berhenti"]);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const refusal = (work: () => unknown): AppError => {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("was not refused");
};
const all = () => suppressions.list({ limit: 500 }).suppressions;

describe("suppression", () => {
  it("holds for one session, or for all", () => {
    suppressions.add({ recipient: A, sessionId: "a" });
    suppressions.add({ recipient: B });
    expect([suppressions.has("a", A), suppressions.has("b", A)]).toEqual([true, false]);
    expect([suppressions.has("a", B), suppressions.has("b", B)]).toEqual([true, true]);
    expect(suppressions.has("a", "6283333333333")).toBe(false);
    suppressions.remove(A, "a");
    suppressions.remove(B);
    expect([suppressions.has("a", A), suppressions.has("b", B)]).toEqual([false, false]);
  });

  it("takes a number and its chat id for the same person", () => {
    suppressions.add({ recipient: `${A}@c.us` });
    expect(suppressions.has("a", A)).toBe(true);
    expect(suppressions.has("a", `${A}@c.us`)).toBe(true);
    expect(suppressions.has("a", `${A}@lid`)).toBe(false);
    expect(suppressions.add({ recipient: A }).created).toBe(false);
    expect(all()).toMatchObject([{ recipient: A }]);
    expect(suppressions.remove(`${A}@c.us`)).toMatchObject({ recipient: A });
  });

  it("is added once; a new note replaces the old one, and none leaves it", () => {
    expect(suppressions.add({ recipient: A, note: "asked by mail" })).toEqual({
      created: true,
      suppression: {
        recipient: A,
        sessionId: null,
        source: "operator",
        note: "asked by mail",
        createdAt: new Date(NOW).toISOString(),
      },
    });
    expect(suppressions.add({ recipient: A })).toMatchObject({
      created: false,
      suppression: { note: "asked by mail" },
    });
    expect(suppressions.add({ recipient: A, note: "twice" }).suppression.note).toBe("twice");
  });

  it("says where an entry is that was to be removed from elsewhere", () => {
    suppressions.add({ recipient: A, sessionId: "a" });
    const error = refusal(() => suppressions.remove(A));
    expect(error.code).toBe("suppression_not_found");
    expect(error.message).toContain("but for session 'a'");
    suppressions.add({ recipient: B });
    expect(refusal(() => suppressions.remove(B, "a")).message).toContain("but for all sessions");
    expect(refusal(() => suppressions.remove("6283333333333")).message).not.toContain("but for");
    expect(all()).toHaveLength(2);
  });

  it("is listed in pages, each once, those for all sessions first", () => {
    for (let i = 0; i < 25; i++) suppressions.add({ recipient: `62811${i}`, sessionId: i % 2 ? "b" : "a" });
    for (let i = 0; i < 5; i++) suppressions.add({ recipient: `62811${i}` });
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = suppressions.list({ limit: 7, cursor: cursor ?? undefined });
      expect(page.suppressions.length).toBeLessThanOrEqual(7);
      seen.push(...page.suppressions.map(({ recipient, sessionId }) => `${sessionId} ${recipient}`));
      cursor = page.nextCursor;
    } while (cursor);
    expect(new Set(seen).size).toBe(30);
    expect(seen.slice(0, 5).every((entry) => entry.startsWith("null "))).toBe(true);
    expect(suppressions.list({ limit: 500, sessionId: "a" }).suppressions).toHaveLength(5 + 13);
    expect(suppressions.list({ limit: 500, recipient: "628113@c.us" }).suppressions).toHaveLength(2);
    expect(refusal(() => suppressions.list({ limit: 1, cursor: "x" })).code).toBe("invalid_cursor");
  });

  it("is looked up by index alone", () => {
    const plan = database.db.$client
      .prepare(
        "explain query plan select recipient from suppressions where session_id in ('', ?) and recipient = ?",
      )
      .all("a", A);
    expect(JSON.stringify(plan)).toContain("COVERING INDEX");
  });
});

describe("a stop word", () => {
  it.each(["STOP", "stop", "  Stop\n", "BERHENTI", "berhenti "])("%j suppresses its sender", (body) => {
    suppressions.onReceived("a", { from: `${A}@c.us`, body, phoneNumber: A });
    expect(all()).toMatchObject([{ recipient: A, sessionId: "a", source: "recipient" }]);
    expect([suppressions.has("a", A), suppressions.has("b", A)]).toEqual([true, false]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(A);
  });

  it.each(["Please do not stop", "stop it", "STOP.", "", "berhentistop"])("is not in %j", (body) => {
    suppressions.onReceived("a", { from: `${A}@c.us`, body });
    expect(all()).toEqual([]);
  });

  it("does nothing where none are set", () => {
    suppressions = open([]);
    suppressions.onReceived("a", { from: `${A}@c.us`, body: "STOP" });
    suppressions.onReceived("a", { from: `${A}@c.us`, body: "" });
    expect(all()).toEqual([]);
  });

  it("said in a group or a status stops neither the group nor who said it", () => {
    suppressions.onReceived("a", { from: GROUP, body: "STOP", phoneNumber: A });
    suppressions.onReceived("a", { from: "status@broadcast", body: "STOP", phoneNumber: A });
    expect(all()).toEqual([]);
  });

  it("said again changes nothing, not even whose word it was", () => {
    suppressions.add({ recipient: A, sessionId: "a", note: "by mail" });
    suppressions.onReceived("a", { from: `${A}@c.us`, body: "STOP" });
    expect(all()).toMatchObject([{ source: "operator", note: "by mail" }]);
    expect(lines).toEqual([]);
  });

  it("behind a LID counts for the number too, where it is told", () => {
    suppressions.onReceived("a", { from: LID, body: "STOP", phoneNumber: A });
    expect(all().map(({ recipient }) => recipient)).toEqual([LID, A].toSorted());
  });

  it("behind a LID without a number counts for whom this session wrote to in that chat", () => {
    const sent = (id: string, sessionId: string, recipient: string, whatsappId: string | null) => ({
      id,
      sessionId,
      recipient,
      type: "text" as const,
      status: "sent" as const,
      whatsappId,
      createdAt: NOW,
      updatedAt: NOW,
    });
    database.db
      .insert(messages)
      .values([
        sent("1", "a", A, `true_${LID}_3EB0AA`),
        sent("2", "a", A, `true_${LID}_3EB0BB`),
        sent("3", "b", B, `true_${LID}_3EB0CC`),
        sent("4", "a", B, `true_1${LID}_3EB0DD`),
        sent("5", "a", B, `true_${B}@c.us_3EB0EE`),
        sent("6", "a", B, null),
      ])
      .run();
    suppressions.onReceived("a", { from: LID, body: "STOP", phoneNumber: null });
    expect(all().map(({ recipient, sessionId }) => [recipient, sessionId])).toEqual(
      [LID, A].toSorted().map((recipient) => [recipient, "a"]),
    );
  });

  it("is undone with the transaction that stores its message", () => {
    expect(() =>
      database.db.transaction(() => {
        suppressions.onReceived("a", { from: `${A}@c.us`, body: "STOP" });
        throw new Error("not stored");
      }),
    ).toThrow("not stored");
    expect(all()).toEqual([]);
  });
});
