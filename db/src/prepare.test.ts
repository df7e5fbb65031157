import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { openDatabase } from "./prepare.ts";
import { messages, sessions } from "./schema/index.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "db-"));
  file = join(dir, "engine.sqlite");
});
afterEach(() => rmSync(dir, { recursive: true }));

const refusal = (open: () => unknown) => {
  try {
    open();
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return (error as Error).message;
  }
  throw new Error("was not refused");
};

describe("openDatabase", () => {
  it("keeps every commit through a crash, and checks references", () => {
    const { db, close } = openDatabase(dir);
    const pragma = (name: string) => db.$client.pragma(name, { simple: true });
    expect(pragma("journal_mode")).toBe("wal");
    expect(pragma("synchronous")).toBe(2);
    expect(pragma("foreign_keys")).toBe(1);
    expect(pragma("busy_timeout")).toBeGreaterThan(0);
    close();
    close();
  });

  it("refuses a folder that another engine holds, until that one lets go", () => {
    const first = openDatabase(dir);
    expect(refusal(() => openDatabase(dir))).toContain("Another engine");
    first.close();
    openDatabase(dir).close();
  });

  it("refuses a damaged database and leaves it as it is", () => {
    openDatabase(dir).close();
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 4096, bytes.length - 100);
    writeFileSync(file, bytes);
    const before = statSync(file).mtimeMs;
    expect(refusal(() => openDatabase(dir))).toContain("damaged");
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  it("refuses a database of a newer engine and leaves it as it is", () => {
    openDatabase(dir).close();
    const sqlite = new Sqlite(file);
    sqlite.pragma("journal_mode = DELETE");
    sqlite.prepare("insert into __drizzle_migrations (hash, created_at) values ('x', 99999999999999)").run();
    sqlite.close();
    const bytes = readFileSync(file);
    expect(refusal(() => openDatabase(dir))).toContain("newer version");
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it("shows an administrator sessions and messages in readable lines", () => {
    const { db, close } = openDatabase(dir);
    const at = Date.UTC(2026, 0, 2, 3, 4, 5);
    const times = { createdAt: at, updatedAt: at };
    db.insert(sessions)
      .values({
        id: "a",
        desired: "running",
        status: "connected",
        linkedPhoneNumber: "62",
        connectedAt: at,
        ...times,
      })
      .run();
    db.insert(messages)
      .values({
        id: "m",
        sessionId: "a",
        recipient: "62",
        type: "text",
        body: "Hi",
        status: "sent",
        sentAt: at,
        ...times,
      })
      .run();
    close();
    const reader = new Sqlite(file, { readonly: true });
    expect(
      reader.prepare("select session, status, messages_sent, connected from session_overview").get(),
    ).toEqual({
      session: "a",
      status: "connected",
      messages_sent: 1,
      connected: "2026-01-02 03:04:05",
    });
    expect(reader.prepare("select session, text, status, sent from message_overview").get()).toEqual({
      session: "a",
      text: "Hi",
      status: "sent",
      sent: "2026-01-02 03:04:05",
    });
    reader.close();
  });
});
