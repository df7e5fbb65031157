import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ProfileStore, RunnerHost, RunnerInfo } from "../runtime/index.ts";
import { createBackup } from "./backup.ts";
import { createLiveSessions } from "../connection/index.ts";
import { createRunnersOf, type Reconciler } from "../fleet/index.ts";
import { createSessionStore, type SessionStore } from "../sessions/index.ts";

const clock = { now: () => Date.parse("2026-01-02T03:04:05.000Z") };
const away = new AppError("runtime_unavailable", "The runtime does not answer.");

let dataDir: string;
let database: OpenDatabase;
let store: SessionStore;
let profileId: string;
/** What was done, in order; a removal when nothing of the runner is left. */
let done: string[];
let runners: RunnerInfo[];
let removeFails: boolean;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "backup-"));
  database = openDatabase(dataDir);
  store = createSessionStore({
    db: database.db,
    clock,
    appendEvent: () => undefined,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  store.create("a", null);
  profileId = store.profileOf("a")!.id;
  [done, removeFails] = [[], false];
  runners = ["mine", "other"].map((runnerId) => ({
    runnerId,
    profileId: runnerId === "mine" ? profileId : "another-profile",
    liveness: "alive",
    hasPoolName: false,
    createdAt: "2026-01-02T03:04:05.000Z",
  }));
  store.addRunner("mine", profileId);
  store.transition(store.find("a")!, { status: "connected", reason: null, runnerId: "mine" });
});
afterEach(() => {
  database.close();
  rmSync(dataDir, { recursive: true });
});

function exported(): Readable {
  const tar = pack();
  tar.entry({ name: "./browser/linked" }, "2026-01-02T03:04:05.000Z");
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}

function takeBackup() {
  const host = {
    async remove(runnerId: string) {
      await delay(20);
      if (removeFails) throw away;
      runners = runners.filter((runner) => runner.runnerId !== runnerId);
      done.push(`removed ${runnerId}`);
    },
  } as Partial<RunnerHost> as RunnerHost;
  const profiles = {
    list: async () => [profileId],
    read(id: string) {
      done.push(id === profileId ? "copied" : `copied ${id}`);
      return exported();
    },
  } as Partial<ProfileStore> as ProfileStore;
  const live = createLiveSessions();
  const backup = createBackup({
    store,
    live,
    profiles,
    reconciler: { request: (id: string) => void done.push(`asked for ${id}`) } as Reconciler,
    runnersOf: createRunnersOf({ host, live, listRunners: async () => runners }),
    sessions: { exclusively: async (id, work) => work(store.find(id)!) },
    dataDir,
    maxBytes: 1024 * 1024,
    clock,
    log: pino({ level: "silent" }),
  });
  return backup("a", "correct horse battery");
}

it("copies a login only when nothing of its runner is left, and asks for another runner then", async () => {
  const { file } = await takeBackup();
  await file.close();
  expect(done).toEqual(["removed mine", "copied", "asked for a"]);
  expect(store.find("a")).toMatchObject({ status: "connecting", runnerId: null, detail: null });
});

it("ends what runs on the profile of a session that is not to run, too", async () => {
  store.transition(store.find("a")!, { status: "disconnected", reason: "stopped", desired: "stopped" });
  const { file } = await takeBackup();
  await file.close();
  expect(done).toEqual(["removed mine", "copied", "asked for a"]);
  expect(store.find("a")).toMatchObject({ status: "disconnected", reason: "stopped" });
});

it("copies nothing where the runner cannot be ended, and goes on with the session", async () => {
  removeFails = true;
  await expect(takeBackup()).rejects.toBe(away);
  expect(done).toEqual(["asked for a"]);
  expect(store.find("a")).toMatchObject({ detail: null });
});
