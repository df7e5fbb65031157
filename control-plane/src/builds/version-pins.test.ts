import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ProfileStore, RunnerHost, Runtime, RuntimeEvent } from "../runtime/index.ts";
import { createSessions } from "../sessions.ts";

const FOR_ALL = "2.3000.100";
const PINNED = "2.3000.101";
const NEVER = "2.3000.1";
const version = (n: number) => `2.3000.${n}`;

let dataDir: string;
let database: OpenDatabase;
let sessions: ReturnType<typeof createSessions>;
let tell: (event: RuntimeEvent) => void;
/** Versions that runners were started with. */
let started: (string | null)[];
let away: boolean;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "version-pins-"));
  database = openDatabase(dataDir);
  [started, away] = [[], false];
});
afterEach(async () => {
  await sessions.close();
  database.close();
  rmSync(dataDir, { recursive: true });
});

/** Starts no runner: each one is gone when it is asked where it listens. */
function createRuntime(): Runtime {
  const ifThere = async <T>(answer: T): Promise<T> => {
    if (away) throw new AppError("runtime_unavailable", "The runtime does not answer.");
    return answer;
  };
  const host: Partial<RunnerHost> = {
    kind: "process",
    prepare: () => ifThere(undefined),
    ping: () => ifThere(undefined),
    list: () => ifThere([]),
    ensure: async ({ whatsappVersion }) => void started.push(whatsappVersion),
    endpoint: async () => {
      throw new AppError("runner_unavailable", "The runner does not run.");
    },
    watch(listener) {
      tell = listener;
      listener({ type: "relist" });
    },
    close: async () => undefined,
  };
  const profiles: Partial<ProfileStore> = { list: () => ifThere([]) };
  return { host: host as RunnerHost, profiles: profiles as ProfileStore };
}

function createWith(whatsappVersion: string | null) {
  const ignore = () => undefined;
  sessions = createSessions({
    db: database.db,
    ...createRuntime(),
    runnerToken: (runnerId) => runnerId,
    startConcurrency: 1,
    startTimeoutMs: 1_000,
    hibernateAfterMinutes: 0,
    whatsappVersion,
    limits: { maxSessions: 0, minFreeMemoryMb: 0, maxLoadPerCpu: 0 },
    warmRunners: { wanted: 0, maxAgeMs: 0 },
    machine: null,
    appendEvent: ignore,
    canary: { mode: "off", sessionId: null, lookMs: 0, proveMs: 0, texts: 1, patienceMs: 0 },
    letGoOfBuilds: ignore,
    limitOf: () => null,
    onForget: ignore,
    onJournalLost: ignore,
    onRunnerRemoved: ignore,
    onDatabaseError: ignore,
    defaultCountry: "ID",
    random: () => 200, // what fails twice is not tried again by itself while a test runs
    clock: { now: () => 9_000_000 },
    log: pino({ level: "silent" }),
    onEvent: ignore,
    dataDir,
    maxBackupBytes: 1,
    settle: async () => undefined,
  });
}

function put(name: string, usedAtSeconds: number): void {
  const path = join(dataDir, "whatsapp-web", `${name}.html`);
  writeFileSync(path, "a page");
  utimesSync(path, usedAtSeconds, usedAtSeconds);
}

it("keeps copies that a session, or all of them, are pinned to, however old they are", async () => {
  createWith(FOR_ALL);
  sessions.store.create("a", null, { whatsappVersionPin: PINNED });
  for (const pinned of [FOR_ALL, PINNED]) put(pinned, 1);
  for (let n = 1; n <= 20; n += 1) put(version(n), 1 + n);
  await sessions.pageCopies.keep("2.3000.200", "a new page");
  const kept = () => sessions.pageCopies.list().map((copy) => copy.version);
  expect(kept()).toHaveLength(22);
  expect(kept()).toEqual(expect.arrayContaining([FOR_ALL, PINNED]));
  expect(kept()).not.toContain(version(1));

  sessions.store.configure(sessions.store.find("a")!, { whatsappVersionPin: null });
  await sessions.pageCopies.keep("2.3000.201", "a newer page");
  expect(kept()).not.toContain(PINNED);
});

const reasonOf = (id: string) => sessions.store.find(id)?.reason;

/** A session whose version has no copy, and that waits long to be tried again. */
async function createThatWaits(): Promise<void> {
  createWith(null);
  await sessions.open();
  const tried = vi.spyOn(sessions.pageCopies, "list");
  await sessions.service.create({ sessionId: "a", whatsappVersionPin: NEVER });
  await vi.waitFor(() => expect(tried).toHaveBeenCalledTimes(2)); // after the first time at once
  await vi.waitFor(() => expect(reasonOf("a")).toBe("start_failed"));
  expect(started).toEqual([]);
}

it("another pin has a session that waits to be tried again started at once", async () => {
  await createThatWaits();
  for (const one of [NEVER, PINNED]) put(one, 1);
  sessions.service.update("a", { hibernateAfterMinutes: 5 });
  await delay(50);
  expect(started).toEqual([]); // that was no reason to
  sessions.service.update("a", { whatsappVersionPin: PINNED });
  await vi.waitFor(() => expect(started[0]).toBe(PINNED));
});

it("a pin that is taken off while the runtime is away counts when that is back", async () => {
  await createThatWaits();
  away = true;
  expect(sessions.service.update("a", { whatsappVersionPin: null })).toMatchObject({
    whatsappVersionPin: null,
  });
  await vi.waitFor(() => expect(reasonOf("a")).toBe("runtime_unavailable"));
  expect(started).toEqual([]);
  away = false;
  tell({ type: "relist" });
  await vi.waitFor(() => expect(started[0]).toBeNull());
});
