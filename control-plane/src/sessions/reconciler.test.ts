import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createEventStore } from "../events/store.ts";
import { createBackground, type Background } from "./background.ts";
import { createBackoff } from "./backoff.ts";
import { createLiveSessions } from "./live.ts";
import { createSessionLocks } from "./locks.ts";
import { createReconciler, type Reconciler } from "./reconciler.ts";
import { createSessionStore, type SessionStore } from "./store.ts";

const log = pino({ level: "silent" });
const clock = { now: () => Date.now() };

let dir: string;
let database: OpenDatabase;
let store: SessionStore;
let background: Background;
let reconciler: Reconciler;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "reconciler-"));
  database = openDatabase(dir);
  store = createSessionStore({
    db: database.db,
    clock,
    appendEvent: createEventStore({ db: database.db, clock }).append,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  background = createBackground(log);
  reconciler = createReconciler({
    store,
    runtime: { ensure: async () => undefined } as never,
    live: createLiveSessions(),
    locks: createSessionLocks(),
    connector: { attach: async () => undefined },
    backoff: createBackoff({ clock, random: Math.random }),
    background,
    runnerToken: () => "token",
    listRunners: async () => [],
    startConcurrency: 1,
    startTimeoutMs: 60_000,
    versionPins: { versionToStart: () => null },
    log,
  });
  reconciler.open();
});
afterEach(async () => {
  reconciler.close();
  background.stop();
  await background.idle();
  database.close();
  rmSync(dir, { recursive: true });
});

it("what the last start failed by stays to be read while the next one tries", async () => {
  store.create("a", null);
  const failed = { status: "disconnected", reason: "start_failed", detail: "No sandbox." } as const;
  store.transition(store.find("a")!, failed);
  await reconciler.reconcile("a");
  expect(store.find("a")).toMatchObject({ status: "connecting", detail: "No sandbox." });
});

it("what an engine was at that was killed is not told of the start after it", async () => {
  store.create("a", null);
  const copying = { status: "connecting", reason: "starting", detail: "Its login is being copied." } as const;
  store.transition(store.find("a")!, copying);
  await reconciler.reconcile("a");
  expect(store.find("a")).toMatchObject({ status: "connecting", detail: null });
});
