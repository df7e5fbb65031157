import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { AppError } from "@whatsapp-engine/contract/api";
import { messages, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createLiveSessions, type LiveRunner } from "../connection/index.ts";
import { createEventStore } from "../events/index.ts";
import { createBackground } from "../lib/background.ts";
import { createBackoff } from "../lib/backoff.ts";
import { systemClock } from "../lib/clock.ts";
import { createLocks } from "../lib/locks.ts";
import {
  createSessionService,
  createSessionStore,
  type SessionService,
  type SessionStore,
} from "../sessions/index.ts";
import type { SessionHooks } from "../sessions/hooks.ts";
import { createHibernation } from "./hibernation.ts";
import { createIdle } from "./idle.ts";

const MINUTE = 60_000;
const LONG = 8 * 24 * 60 * MINUTE;
const log = pino({ level: "silent" });

let dir: string;
let database: OpenDatabase;
let store: SessionStore;
let sessions: SessionService;
let hibernation: ReturnType<typeof createHibernation>;
let hasRoom: boolean;
let live: ReturnType<typeof createLiveSessions>;

/** What an engine makes when it starts: nothing of before but the database. */
function startEngine(): void {
  const { db } = database;
  live = createLiveSessions();
  const idle = createIdle({ db, defaultMinutes: 0 });
  const admission = {
    check() {
      if (!hasRoom) throw new AppError("capacity_exceeded", "No room.");
    },
  };
  store = createSessionStore({
    db,
    clock: systemClock,
    appendEvent: createEventStore({ db, clock: systemClock }).append,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  sessions = createSessionService({
    store,
    live,
    locks: createLocks(),
    hooks: {
      // No runner is behind these sessions: what one would tell is written by `connected`.
      reconciler: { reachable: async () => {}, reconcile: async () => {}, request: () => undefined },
      admission,
      isNeeded: idle.isNeeded,
    } as unknown as SessionHooks,
    backoff: createBackoff({ clock: systemClock, random: Math.random }),
    limitOf: () => null,
    defaultCountry: "ID",
    clock: systemClock,
    log,
  });
  hibernation = createHibernation({
    idle,
    live,
    sessions,
    background: createBackground(log),
    clock: systemClock,
    log,
  });
  hibernation.open();
}

beforeEach(() => {
  vi.useFakeTimers();
  dir = mkdtempSync(join(tmpdir(), "hibernation-"));
  database = openDatabase(dir);
  hasRoom = true;
  startEngine();
  store.create("a", null);
});
afterEach(() => {
  hibernation.close();
  database.close();
  rmSync(dir, { recursive: true });
  vi.useRealTimers();
});

const session = () => store.find("a")!;
const connected = () => store.transition(session(), { status: "connected", reason: null });
async function sleepFor(ms: number): Promise<void> {
  connected();
  await sessions.hibernate("a");
  // The looks between are none that change anything.
  vi.setSystemTime(Date.now() + ms);
  await vi.advanceTimersByTimeAsync(MINUTE);
}
const queueMessage = () =>
  database.db
    .insert(messages)
    .values({
      id: "m",
      sessionId: "a",
      recipient: "6281111111111",
      type: "text",
      status: "queued",
      position: 1,
      createdAt: Date.now(),
      updatedAt: Date.now(),
    })
    .run();

it("a session that is only woken as it slept for long sleeps again when it was connected for ten minutes", async () => {
  await sleepFor(LONG);
  expect(session()).toMatchObject({ desired: "running", reason: "waking", isVisit: true });
  // The machine was busy: that the session took an hour to come leaves its visit as long.
  await vi.advanceTimersByTimeAsync(60 * MINUTE);
  connected();
  await vi.advanceTimersByTimeAsync(9 * MINUTE);
  expect(session()).toMatchObject({ desired: "running", status: "connected" });
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(session()).toMatchObject({ desired: "asleep", status: "disconnected", reason: "hibernated" });
});

it("it sleeps again though the engine was started anew in between, and its runner replaced", async () => {
  await sleepFor(LONG);
  connected();
  store.transition(session(), { status: "disconnected", reason: "runner_lost", runnerId: null });
  hibernation.close();
  startEngine();
  connected();
  await vi.advanceTimersByTimeAsync(11 * MINUTE);
  expect(session().desired).toBe("asleep");
});

it("one that is woken for a message stays", async () => {
  await sleepFor(MINUTE);
  expect(session().desired).toBe("asleep");
  queueMessage();
  await vi.advanceTimersByTimeAsync(MINUTE);
  connected();
  database.db.delete(messages).run();
  await vi.advanceTimersByTimeAsync(20 * MINUTE);
  expect(session()).toMatchObject({ desired: "running", status: "connected" });
});

it("a visit does not end while messages are in line, and ends when they are out", async () => {
  await sleepFor(LONG);
  connected();
  queueMessage();
  await vi.advanceTimersByTimeAsync(20 * MINUTE);
  expect(session().status).toBe("connected");
  database.db.delete(messages).run();
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(session().desired).toBe("asleep");
});

it("a visit does not end while the disk of its profile takes nothing: what came in is in memory only", async () => {
  await sleepFor(LONG);
  connected();
  const told = (diskTrouble: string | null) =>
    live.set("a", { state: { diskTrouble }, stop: async () => {} } as unknown as LiveRunner);
  told("ENOSPC");
  await vi.advanceTimersByTimeAsync(20 * MINUTE);
  expect(session().status).toBe("connected");
  told(null);
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(session().desired).toBe("asleep");
});

it("one that was started anew by somebody since stays", async () => {
  await sleepFor(LONG);
  connected();
  await sessions.restart("a");
  connected();
  await vi.advanceTimersByTimeAsync(20 * MINUTE);
  expect(session()).toMatchObject({ desired: "running", status: "connected" });
});

it("says that there is no room to wake it, for as long as it is needed", async () => {
  hasRoom = false;
  await sleepFor(MINUTE);
  queueMessage();
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(session()).toMatchObject({ desired: "asleep", waitsFor: "room", detail: expect.any(String) });
  database.db.delete(messages).run();
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(session()).toMatchObject({ desired: "asleep", waitsFor: null, detail: null });
});
