import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@whatsapp-engine/contract/api";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSuppressions, type Suppressions } from "./suppressions.ts";
import { createPeople, type People } from "../people/index.ts";

const NOW = Date.UTC(2026, 0, 2);
const A = "6281111111111";
const B = "6282222222222";
const LID = "123456789012345@lid";
const LID2 = "222222222222222@lid";
const GROUP = "120363000000000001@g.us";

let dir: string;
let database: OpenDatabase;
let suppressions: Suppressions;
let lines: string[];
let people: People;
let told: unknown[];
const open = (stopWords: string[]) =>
  createSuppressions({
    db: database.db,
    people,
    appendEvent: (...event) => void told.push(event),
    clock: { now: () => NOW },
    stopWords,
    log: pino({}, { write: (line) => void lines.push(line) }),
  });
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "suppressions-"));
  database = openDatabase(dir);
  lines = [];
  told = [];
  people = createPeople({ db: database.db, clock: { now: () => NOW } });
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

describe("an entry of an operator's", () => {
  it("of a number holds for the LID that WhatsApp tells of it, and of a LID for the number", () => {
    suppressions.add({ recipient: A });
    suppressions.add({ recipient: LID2, sessionId: "a" });
    people.learn(A, LID, "received");
    people.learn(B, LID2, "sent");
    expect(suppressions.has("b", LID)).toBe(true);
    expect(suppressions.has("a", B)).toBe(true);
    expect(suppressions.has("b", B)).toBe(false);
    expect(suppressions.add({ recipient: LID, note: "again" })).toMatchObject({ created: false });
    expect(told).toEqual([
      ["a", "suppression.added", { recipient: LID2, source: "operator", note: null, whatsappId: null }],
    ]);
  });

  it("does not follow a number to the account that has it next", () => {
    people.learn(A, LID, "sent");
    suppressions.add({ recipient: LID });
    people.learn(A, LID2, "sent");
    expect(suppressions.has("a", A)).toBe(false);
    expect(suppressions.has("a", LID)).toBe(true);
  });
});

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

  it.each([
    "STOP.",
    "Stop!",
    "  stop \n",
    "\u{201C}stop\u{201D}",
    "'berhenti'",
    "*STOP*",
    "STOP \u{1F64F}",
    "\u{200E}STOP\u{200F}",
    "S\u{200B}TOP",
    "\u{FF33}\u{FF34}\u{FF2F}\u{FF30}",
    "> Our offer of today\n> is over soon\n\nstop",
  ])("is heard in %j", (body) => {
    suppressions.onReceived("a", { from: `${A}@c.us`, body });
    expect(all()).toMatchObject([{ recipient: A, source: "recipient" }]);
  });

  it("is told as an event, with the message that said it", () => {
    suppressions.onReceived("a", { from: LID, body: "STOP", phoneNumber: A, whatsappId: "false_1" });
    expect(told).toEqual([
      ["a", "suppression.added", { recipient: A, source: "recipient", note: null, whatsappId: "false_1" }],
    ]);
    suppressions.onReceived("a", { from: LID, body: "stop!", phoneNumber: A });
    expect(told).toHaveLength(1);
  });

  it.each([
    "Please do not stop",
    "stop it",
    "",
    "berhentistop",
    "> STOP",
    "non-stop",
    "sto p",
    "!",
    `${"!".repeat(100_000)}stop`,
  ])("is not in %j", (body) => {
    suppressions.onReceived("a", { from: `${A}@c.us`, body });
    expect(all()).toEqual([]);
  });

  it("does nothing where none are set", () => {
    suppressions = open([]);
    suppressions.onReceived("a", { from: `${A}@c.us`, body: "STOP" });
    suppressions.onReceived("a", { from: `${A}@c.us`, body: "" });
    expect(all()).toEqual([]);
  });

  it("is none with more marks on a letter than any language writes", () => {
    const receive = (marks: number) =>
      suppressions.onReceived("a", { from: `${A}@c.us`, body: `STOP!${"\u0301".repeat(marks)}` });
    receive(31);
    expect(all()).toEqual([]);
    receive(30);
    expect(all()).toHaveLength(1);
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

  it("behind a LID without a number counts for the number that WhatsApp told before", () => {
    people.learn(A, LID, "sent");
    suppressions.onReceived("a", { from: LID, body: "STOP", phoneNumber: null });
    expect(all().map(({ recipient }) => recipient)).toEqual([LID, A].toSorted());
  });

  it.each([
    ["551187654321", "5511987654321"],
    ["5511987654321", "551187654321"],
    ["5215512345678", "525512345678"],
    ["541123456789", "5491123456789"],
  ])("of %s holds for %s too", (wrote, recipient) => {
    suppressions.onReceived("a", { from: `${wrote}@c.us`, body: "STOP" });
    expect(suppressions.has("a", recipient)).toBe(true);
    expect(suppressions.list({ recipient, limit: 10 }).suppressions).toMatchObject([{ recipient: wrote }]);
    expect(suppressions.remove(recipient, "a")).toMatchObject({ recipient: wrote });
    expect(suppressions.has("a", wrote)).toBe(false);
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
