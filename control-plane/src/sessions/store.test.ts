import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  events,
  openDatabase,
  profiles,
  runners,
  sessions,
  warmRunners,
  type OpenDatabase,
} from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { createSessionStore, StaleSession } from "./store.ts";
import { createWarmStore, WarmRunnerTaken } from "./warm-store.ts";

let dir: string;
let database: OpenDatabase;
let store: ReturnType<typeof createSessionStore>;
let now = 1_000;
const forgotten: string[] = [];
const lost: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "store-"));
  database = openDatabase(dir);
  const clock = { now: () => now++ };
  store = createSessionStore({
    db: database.db,
    clock,
    appendEvent: createEventStore({ db: database.db, clock }).append,
    onForget: (sessionId) => void forgotten.push(sessionId),
    onJournalLost: (sessionId) => void lost.push(sessionId),
  });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

describe("session store", () => {
  it("refuses a write by whom saw an older row", () => {
    const seen = store.create("a", null);
    store.transition(seen, { status: "qr_ready", reason: null });
    expect(() => store.transition(seen, { status: "connected", reason: null })).toThrow(StaleSession);
    expect(store.find("a")?.status).toBe("qr_ready");
  });

  it("records the state between, where the engine did not see it", () => {
    const row = store.transition(store.create("a", null), { status: "disconnected", reason: "runner_lost" });
    store.transition(row, { status: "connected", reason: null });
    const seen = database.db
      .select()
      .from(events)
      .all()
      .filter(({ type }) => type === "session.status");
    expect(seen.map(({ data }) => "status" in data && data.status)).toEqual([
      "disconnected",
      "connecting",
      "connected",
    ]);
    expect(seen.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });

  it("takes a journal event over once, and moves the cursor with it or not at all", () => {
    store.create("a", null);
    const profile = store.profileOf("a")!;
    const applied: number[] = [];
    const journal = (seq: number, apply = () => void applied.push(seq)) =>
      store.takeOver({ profileId: profile.id, seq }, apply);
    journal(1);
    journal(1);
    expect(() =>
      journal(2, () => {
        throw new Error("disk full");
      }),
    ).toThrow("disk full");
    journal(2);
    expect(applied).toEqual([1, 2]);
    expect(store.profileOf("a")?.cursor).toBe(2);
  });

  it("reads a journal that has not come to the cursor from its start, as another one", () => {
    store.create("a", null);
    const profileId = store.profileOf("a")!.id;
    store.takeOver({ profileId, seq: 5 }, () => undefined);
    expect(store.journalBeginsAnew({ profileId, lastSeq: 5 })).toBe(false);
    expect(lost).toEqual([]);
    expect(store.journalBeginsAnew({ profileId, lastSeq: 4 })).toBe(true);
    expect(store.profileOf("a")?.cursor).toBe(0);
    expect(lost).toEqual(["a"]);
  });

  it("numbers a profile's runners, and goes on above a number that was found", () => {
    store.create("a", null);
    store.create("b", null);
    const [a, b] = ["a", "b"].map((id) => store.profileOf(id)!.id) as [string, string];
    expect([store.addRunner("r1", a), store.addRunner("r2", a), store.addRunner("r3", b)]).toEqual([1, 2, 1]);
    expect(() => store.addRunner("r1", a)).toThrow("UNIQUE");
    store.raiseGeneration("a", 9);
    store.raiseGeneration("a", 5);
    expect([store.addRunner("r4", a), store.addRunner("r5", b)]).toEqual([10, 2]);
  });

  it("forgets a session without a row left, and has what belongs to it ended", () => {
    store.create("a", null);
    store.addRunner("r1", store.profileOf("a")!.id);
    store.forget("a");
    for (const table of [sessions, profiles, runners])
      expect(database.db.select().from(table).all()).toEqual([]);
    expect(forgotten).toEqual(["a"]);
  });

  it("gives a warm runner to one session, whole or not at all", () => {
    const warm = { profileId: "p1", runnerId: "r1", createdAt: 1 };
    const pool = createWarmStore(database.db);
    pool.add(warm);
    expect(store.create("a", null, { warm })).toMatchObject({ runnerId: "r1", status: "connecting" });
    expect(store.profileOf("a")).toMatchObject({ id: "p1", cursor: 0 });
    expect(database.db.select().from(runners).all()).toMatchObject([{ id: "r1", profileId: "p1" }]);
    expect(pool.all()).toEqual([]);
    expect(() => store.create("b", null, { warm })).toThrow(WarmRunnerTaken);
    expect(store.find("b")).toBeUndefined();

    const other = { profileId: "p2", runnerId: "r2", createdAt: 1 };
    pool.add(other);
    expect(() => store.create("a", null, { warm: other })).toThrow("UNIQUE");
    expect(pool.all()).toMatchObject([other]);
    expect(() => store.create("b", null, { warm: { ...other, runnerId: "another" } })).toThrow(
      WarmRunnerTaken,
    );
    expect(database.db.select().from(warmRunners).all()).toMatchObject([other]);
  });

  it("pages in order of creation without doubles or gaps", () => {
    for (const id of ["c", "a", "b", "d", "e"]) store.create(id, null);
    const seen: string[] = [];
    let after: [number, string] | undefined;
    for (let pages = 0; pages < 3; pages += 1) {
      const page = store.list({ limit: 2, after });
      seen.push(...page.map(({ id }) => id));
      after = [page.at(-1)!.createdAt, page.at(-1)!.id];
    }
    expect(store.list({ limit: 2, after })).toEqual([]);
    expect(seen).toEqual(["c", "a", "b", "d", "e"]);
  });
});
