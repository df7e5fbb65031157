import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionReason } from "@whatsapp-engine/contract/api";
import { messages, openDatabase, sessions, type OpenDatabase } from "@whatsapp-engine/db";
import { NOT_TAKEN_BY_PAGE } from "@whatsapp-engine/contract/runner";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { aReceivedMessage } from "../events/test-support/data.ts";
import { createSessionStore } from "../sessions/index.ts";
import { createEvidence } from "./evidence.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-01-02T03:04:05.000Z");
const BUILD = "2.3000.2";

let dir: string;
let database: OpenDatabase;
let evidence: ReturnType<typeof createEvidence>;
let store: ReturnType<typeof createSessionStore>;
let append: ReturnType<typeof createEventStore>["append"];
let now: number;
let count: number;
const clock = { now: () => now };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "evidence-"));
  database = openDatabase(dir);
  const { db } = database;
  [now, count] = [START, 0];
  append = createEventStore({ db, clock }).append;
  store = createSessionStore({
    db,
    clock,
    appendEvent: append,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  evidence = createEvidence({ db });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

function connected(id: string): void {
  store.create(id, null);
  store.transition(store.find(id)!, { status: "connected", reason: null });
  database.db.update(sessions).set({ whatsappVersion: BUILD }).where(eq(sessions.id, id)).run();
}
type Handed = Partial<typeof messages.$inferInsert>;
/** Handed over now. */
function handed(sessionId: string, change: Handed = {}): string {
  const id = `m${++count}`;
  database.db
    .insert(messages)
    .values({
      id,
      sessionId,
      recipient: "6281111111111",
      type: "text",
      status: "sent",
      createdAt: now,
      updatedAt: now,
      handedAt: now,
      ...change,
    })
    .run();
  return id;
}
const received = (sessionId: string, at = now) =>
  append(sessionId, "message.received", { ...aReceivedMessage, timestamp: new Date(at).toISOString() });
const fell = (reason: SessionReason) =>
  append("s", "session.status", { name: null, status: "disconnected", reason });

describe("of a trial", () => {
  let readyAt: number;
  let afterSeq: number;
  /** Session `s` is connected on the build from now on. */
  const begin = () => {
    readyAt = now;
    afterSeq = database.db.$client
      .prepare("select coalesce(max(seq), 0) as seq from events where session_id = 's'")
      .pluck()
      .get() as number;
  };
  const seen = (troubles: Parameters<typeof evidence.ofTrial>[0]["troubles"] = []) =>
    evidence.ofTrial({
      sessionId: "s",
      triedAt: readyAt - MINUTE,
      readyAt,
      afterSeq,
      failedMends: [],
      troubles,
      now,
    });
  beforeEach(() => {
    connected("s");
    connected("t");
  });

  it("counts what the session sent on the build, by kind, and what failed in its page", () => {
    handed("s"); // before
    now += MINUTE;
    begin();
    handed("t");
    handed("s");
    handed("s", { status: "failed", errorCode: "page_error", errorMessage: "r: r" });
    handed("s", { status: "failed", errorCode: "not_on_whatsapp" });
    handed("s", { type: "image", status: "unknown" });
    handed("s", { type: "image", status: "failed", errorCode: "invalid_media", errorMessage: "no picture" });
    const words = `${NOT_TAKEN_BY_PAGE} the file: r: r.`;
    handed("s", { type: "video", status: "failed", errorCode: "invalid_media", errorMessage: words });
    const { kinds, lastTroubleAt } = seen();
    expect(kinds).toMatchObject({
      text: { acknowledged: 1, troubles: 1, lastTrouble: "r: r" },
      image: { acknowledged: 0, troubles: 1 },
      video: { acknowledged: 0, troubles: 1, lastTrouble: words },
    });
    expect(lastTroubleAt).toBe(now);
  });

  it("counts a message that was put back, and not twice where it failed for good since", () => {
    begin();
    const failed = handed("s", { type: "image", status: "failed", errorCode: "page_error" });
    const back = handed("s", { type: "image", status: "queued" });
    const trouble = (messageId: string) => ({ messageId, kind: "image", words: "r: r", at: now });
    expect(seen([trouble(failed), trouble(back), trouble(back)]).kinds).toMatchObject({
      image: { acknowledged: 0, troubles: 3 },
    });
  });

  it("is deaf after an hour in which others heard something; what a start reads back was not heard", () => {
    for (let n = 0; n < 12; n++) received("s");
    now += 2 * MINUTE;
    begin();
    received("s", now - MINUTE);
    now += HOUR;
    received("t");
    expect(seen()).toMatchObject({ received: false, isDeaf: true, receivedBefore: 12 });
    received("s");
    expect(seen()).toMatchObject({ received: true, isDeaf: false, receivedBefore: 0 });
  });

  it("is not deaf where nobody heard anything, nor within the hour", () => {
    begin();
    now += HOUR - 1;
    received("t", now - 2 * HOUR);
    expect(seen()).toMatchObject({ isDeaf: false });
    now += DAY;
    expect(seen()).toMatchObject({ isDeaf: false });
  });

  it("counts how often the page fell over since", () => {
    fell("page_crashed");
    begin();
    for (const reason of ["page_hung", "browser_gone", "reconnecting", "stopped"] as const) fell(reason);
    expect(seen().falls).toBe(2);
  });

  it("knows what share usually fails, and which kinds are sent", () => {
    for (let n = 0; n < 3; n++) handed("t", { type: "image" });
    handed("t", { status: "unknown" });
    begin();
    expect(seen().usualShare).toBe(0.25);
    expect([...evidence.kinds(now)]).toEqual(["image"]);
  });
});

it("of use: what was sent and received by all sessions on it since they were connected", () => {
  connected("s");
  connected("t");
  store.create("pinned", null, { whatsappVersionPin: BUILD });
  const use = () => evidence.ofUse({ version: BUILD, foundAt: START, failedMends: [], now });
  expect(use()).toMatchObject({ kinds: {}, received: false });
  now += MINUTE;
  handed("s");
  handed("t");
  handed("pinned");
  received("t");
  expect(use()).toMatchObject({ kinds: { text: { acknowledged: 2 } }, received: true });
});

describe("the busiest session", () => {
  const busiest = () => evidence.busiest(["s", "t"], { linkedBefore: now - HOUR, now });

  it("sent the most within a day", () => {
    connected("s");
    connected("t");
    for (let n = 0; n < 3; n++) handed("s");
    now += DAY;
    handed("t");
    expect(busiest()).toBe("s");
    now += 1;
    expect(busiest()).toBe("t");
  });

  it("was not linked a moment ago", () => {
    connected("s");
    expect(busiest()).toBeNull();
    now += HOUR;
    expect(busiest()).toBe("s");
    append("s", "session.status", { name: null, status: "qr_ready", reason: null });
    expect(busiest()).toBeNull();
    now += HOUR;
    expect(busiest()).toBe("s");
  });
});
