import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@whatsapp-engine/contract/api";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createEventStore } from "../events/index.ts";
import type { RunnerInfo } from "../runtime/index.ts";
import type { RunnerSpec } from "../runtime/runner-host.ts";
import { createBackground, type Background } from "../lib/background.ts";
import { createBackoff } from "../lib/backoff.ts";
import { createLiveSessions } from "../connection/index.ts";
import { createLocks } from "../lib/locks.ts";
import { createReconciler, type Reconciler } from "./reconciler.ts";
import { createSessionStore, type SessionStore } from "../sessions/index.ts";

const log = pino({ level: "silent" });
const clock = { now: () => Date.now() };

let dir: string;
let database: OpenDatabase;
let store: SessionStore;
let background: Background;
let reconciler: Reconciler;
let runners: RunnerInfo[];
let attach: (runnerId: string) => Promise<void>;
beforeEach(() => {
  runners = [];
  attach = async () => undefined;
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
    host: {
      ensure: async ({ runnerId, profileId }: RunnerSpec) =>
        void runners.push({
          runnerId,
          profileId,
          liveness: "alive",
          hasPoolName: false,
          createdAt: new Date().toISOString(),
        }),
      remove: async (gone: string) => void (runners = runners.filter(({ runnerId }) => runnerId !== gone)),
    } as never,
    profiles: { remove: async () => undefined } as never,
    live: createLiveSessions(),
    locks: createLocks(),
    connector: { attach: (_session, _profile, runnerId) => attach(runnerId) },
    backoff: createBackoff({ clock, random: Math.random }),
    background,
    runnerToken: () => "token",
    listRunners: async () => runners,
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

it("nothing of a deletion goes on while the runtime cannot tell how the runner is reached for the logout", async () => {
  store.create("a", null);
  const { id: profileId } = store.profileOf("a")!;
  store.addRunner("r", profileId);
  store.transition(store.find("a")!, {
    status: "connected",
    reason: null,
    desired: "deleted",
    runnerId: "r",
  });
  runners = [
    { runnerId: "r", profileId, liveness: "alive", hasPoolName: false, createdAt: new Date().toISOString() },
  ];
  attach = async () => {
    throw new AppError("runtime_unavailable", "The Docker engine does not answer.");
  };
  await expect(reconciler.reconcile("a")).rejects.toMatchObject({ code: "runtime_unavailable" });
  expect(runners).toHaveLength(1);
  expect(store.find("a")?.desired).toBe("deleted");
});

it.each([
  ["that is deleted", { status: "connected", reason: null, desired: "deleted" }],
  [
    "that another account was linked to",
    { status: "auth_failed", reason: "wrong_number", desired: "stopped" },
  ],
] as const)(
  "the runner of a session %s goes, though it cannot be reached for a logout",
  async (_, change) => {
    store.create("a", null);
    const { id: profileId } = store.profileOf("a")!;
    store.addRunner("r", profileId);
    store.transition(store.find("a")!, { ...change, runnerId: "r" });
    runners = [
      {
        runnerId: "r",
        profileId,
        liveness: "alive",
        hasPoolName: false,
        createdAt: new Date().toISOString(),
      },
    ];
    attach = async () => {
      throw new AppError("runner_unavailable", "The session's container does not run.");
    };
    await reconciler.reconcile("a");
    expect(runners).toEqual([]);
    expect(store.find("a")?.desired).toBe(change.desired === "deleted" ? undefined : "stopped");
  },
);

it.each([
  ["started", "start_failed"],
  ["found", "runner_lost"],
] as const)("a runner that was just %s, runs and cannot be reached is replaced", async (how, reason) => {
  store.create("a", null);
  const { id: profileId } = store.profileOf("a")!;
  if (how === "found") {
    store.addRunner("r", profileId);
    store.transition(store.find("a")!, { status: "connecting", reason: "starting", runnerId: "r" });
    runners = [
      {
        runnerId: "r",
        profileId,
        liveness: "alive",
        hasPoolName: false,
        createdAt: new Date().toISOString(),
      },
    ];
  }
  const detail = "The session's process does not answer.";
  let first: string | undefined;
  attach = async (runnerId) => {
    first ??= runnerId;
    if (runnerId === first) throw new AppError("runner_unavailable", detail);
  };
  reconciler.request("a");
  await background.idle();
  expect(store.find("a")).toMatchObject({ status: "disconnected", reason, detail });
  await vi.waitFor(() => expect(store.find("a")?.status).toBe("connecting"));
  await background.idle();
  expect(runners).toHaveLength(1);
  expect(runners[0]?.runnerId).not.toBe(first);
});
