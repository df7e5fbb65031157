import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@whatsapp-engine/contract/api";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createProcessRuntime } from "../../runtime/process/process.ts";
import type { ProfileStore, RunnerHost } from "../../runtime/index.ts";
import { createBackground, type Background } from "../../lib/background.ts";
import { createBackoff } from "../../lib/backoff.ts";
import { createWarmRunners, type WarmRunners } from "./warm-runners.ts";
import { createWarmStore, type WarmStore } from "../../sessions/index.ts";
import { runnerSettings } from "../../runtime/test-support/runner-settings.ts";

const log = pino({ level: "silent" });
/** Longer than sessions that start make the pool wait. */
const WAITED_MS = 1_000;

let dir: string;
let database: OpenDatabase;
let rows: WarmStore;
let host: RunnerHost;
let profiles: ProfileStore;
let background: Background;
let pool: WarmRunners;
let now: number;
let wanted: number;
let room: boolean;
let startingSessions: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "warm-"));
  chmodSync(dir, 0o711);
  database = openDatabase(dir);
  rows = createWarmStore(database.db);
  ({ host, profiles } = createProcessRuntime({
    dataDir: dir,
    // It starts no browser and shows no code: it stays on its way to one.
    runnerEntry: join(import.meta.dirname, "../../runtime/test-support/stub-runner.mjs"),
    chromiumPath: process.execPath,
    runner: runnerSettings,
    uids: { first: 1_900_000_000, last: 1_999_999_999 },
    environment: { PATH: process.env["PATH"] },
    log,
  }));
  [now, wanted, room, startingSessions] = [1_000_000, 1, true, 0];
  open();
});
afterEach(async () => {
  await close();
  await host.close();
  database.close();
  rmSync(dir, { recursive: true });
});

/** A pool, as a control plane that starts makes it. */
function open() {
  const clock = { now: () => now };
  background = createBackground(log);
  pool = createWarmRunners({
    rows,
    host,
    profiles,
    listRunners: () => host.list(),
    runnerToken: () => "token-of-a-stub-runner",
    get wanted() {
      return wanted;
    },
    maxAgeMs: 1_000_000,
    startTimeoutMs: 60_000,
    sessionsLeft: () => Infinity,
    versionForNew: () => null,
    exchangePages: () => undefined,
    hasRoom: () => room,
    sessionsStarting: () => startingSessions,
    backoff: createBackoff({ clock, random: () => 1 }),
    background,
    clock,
    log,
  });
}
async function close() {
  background.stop();
  await background.idle();
  await pool.close();
}
async function look() {
  pool.request();
  await background.idle();
}
/** Looks twice: the first look after an opening starts nothing, so that sessions go first. */
async function fill() {
  await look();
  now += WAITED_MS;
  await look();
}
const profileFolders = () =>
  readdirSync(dir).includes("profiles") && readdirSync(join(dir, "profiles")).length;

it("starts none before the sessions of the engine's start, while sessions start, or without room", async () => {
  await look();
  expect(pool.counts()).toEqual({ ready: 0, starting: 0 });
  now += WAITED_MS;
  startingSessions = 1;
  await look();
  startingSessions = 0;
  room = false;
  await look();
  expect(rows.all()).toEqual([]);
  room = true;
  await look();
  expect(pool.counts()).toEqual({ ready: 0, starting: 1 });
  expect(await host.list()).toMatchObject([{ runnerId: rows.all()[0]!.runnerId, liveness: "alive" }]);
});

it("gives no session one that shows no code", async () => {
  await fill();
  expect(pool.hasReady()).toBe(false);
  expect(pool.claim("s", (warm) => warm)).toBeNull();
  expect(rows.all()).toHaveLength(1);
});

it("gives up for a session also what is just being started, and leaves nothing of it", async () => {
  await look();
  now += WAITED_MS;
  // A call to an engine that has not made the container yet.
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ensure = host.ensure.bind(host);
  const called = vi.spyOn(host, "ensure").mockImplementation((spec) => begun.then(() => ensure(spec)));
  pool.request();
  await vi.waitFor(() => expect(called).toHaveBeenCalled());
  room = false;
  pool.giveUp(1);
  expect(pool.counts()).toEqual({ ready: 0, starting: 0 });
  begin();
  await background.idle();
  expect(await host.list()).toEqual([]);
  expect(rows.all()).toEqual([]);
  expect(profileFolders()).toBe(0);
});

it("adopts what an earlier control plane left, and removes what has no runner any more", async () => {
  await fill();
  const [mine] = rows.all();
  rows.add({ profileId: "p-gone", runnerId: "r-gone", createdAt: 1 });
  await close();
  open();
  await look();
  expect(rows.all()).toEqual([mine]);
  expect(await host.list()).toHaveLength(1);
  expect(pool.counts()).toEqual({ ready: 0, starting: 1 });
});

it("changes nothing while the runtime does not answer, and removes all where none is wanted any more", async () => {
  await fill();
  wanted = 0;
  const away = vi.spyOn(host, "list").mockRejectedValue(new AppError("runtime_unavailable", "away"));
  await look();
  expect(rows.all()).toHaveLength(1);
  away.mockRestore();
  await look();
  expect(rows.all()).toEqual([]);
  expect(await host.list()).toEqual([]);
  expect(profileFolders()).toBe(0);
});

it("waits longer from one failure to the next", async () => {
  const ensure = vi.spyOn(host, "ensure").mockRejectedValue(new Error("no memory"));
  await fill();
  // At once a second time, then after a second.
  expect(ensure).toHaveBeenCalledTimes(2);
  expect(rows.all()).toEqual([]);
  now += 999;
  await look();
  expect(ensure).toHaveBeenCalledTimes(2);
  now += 1;
  await look();
  expect(ensure).toHaveBeenCalledTimes(3);
});

it("keeps the profile that became a session's meanwhile", async () => {
  await fill();
  const [warm] = rows.all();
  rows.remove(warm!.profileId); // as the claim does
  pool.giveUp(1);
  await background.idle();
  expect(await profiles.list()).toEqual([warm!.profileId]);
  expect(await host.list()).toMatchObject([{ runnerId: warm!.runnerId, liveness: "alive" }]);
});

it("keeps a profile that says whose it is, though an older database takes it for the pool's", async () => {
  await fill();
  const [warm] = rows.all();
  const claim = { sessionId: "a", claimedAt: "2026-01-02T03:04:05.000Z" };
  writeFileSync(join(dir, "profiles", warm!.profileId, "claim.json"), JSON.stringify(claim));
  wanted = 0;
  const unread = vi.spyOn(profiles, "inspect").mockRejectedValue(new AppError("runtime_unavailable", ""));
  await look();
  expect(rows.all()).toHaveLength(1); // unknown is not "nobody's"
  unread.mockRestore();
  await look();
  expect(rows.all()).toEqual([]);
  expect(await host.list()).toEqual([]);
  expect(await profiles.list()).toEqual([warm!.profileId]);
});
