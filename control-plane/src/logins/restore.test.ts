import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encrypt } from "./age.ts";
import { packBackup } from "./archive.ts";
import { spool } from "./spool.ts";
import { createEventStore } from "../events/index.ts";
import { createLocks } from "../lib/locks.ts";
import { createSessionStore } from "../sessions/index.ts";
import { toSession } from "../sessions/shown.ts";
import { createRestore } from "./restore.ts";

const ACCOUNT = "6281234567890";
const PASSPHRASE = "correct horse battery staple";

let dir: string;
let database: OpenDatabase;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "restore-"));
  database = openDatabase(dir);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

function backup() {
  const profile = pack();
  profile.entry({ name: "./browser/linked" }, "2026-01-01T00:00:00.000Z");
  profile.finalize();
  const { tar } = packBackup(Readable.from(profile, { objectMode: false }), {
    format: "whatsapp-engine-backup",
    version: 1,
    sessionId: "a",
    profileId: "p",
    cursor: 0,
    phoneNumber: ACCOUNT,
    whatsappVersion: null,
    createdAt: "2026-01-01T00:00:00.000Z",
  });
  return spool(encrypt(tar, PASSPHRASE), { dir, maxBytes: 1e6, tooLarge: () => new Error("too large") });
}

it("a setting that is changed while the old login is removed does not keep the session from its start", async () => {
  const clock = { now: () => Date.now() };
  const nothing = () => undefined;
  const store = createSessionStore({
    db: database.db,
    clock,
    appendEvent: createEventStore({ db: database.db, clock }).append,
    onForget: nothing,
    onJournalLost: nothing,
  });
  store.create("a", null);
  store.transition(store.find("a")!, { status: "disconnected", reason: "stopped", desired: "stopped" });
  const restore = createRestore({
    store,
    locks: createLocks(),
    reconciler: { reachable: async () => undefined, request: nothing } as never,
    profiles: {
      async write(_: string, tar: Readable) {
        for await (const chunk of tar) void chunk;
      },
    } as never,
    runnersOf: { end: async () => undefined },
    admission: { check: nothing } as never,
    unused: {
      note: async () => undefined,
      settle: async () => void store.configure(store.find("a")!, { hibernateAfterMinutes: 5 }),
      settleAll: async () => undefined,
    },
    sessions: {
      shown: (row) => toSession(row, null),
      started: (row) =>
        store.transition(row, { status: "connecting", reason: "starting", desired: "running" }),
    },
    log: pino({ level: "silent" }),
  });
  const file = await backup();
  const { session } = await restore("a", file, PASSPHRASE);
  await file.close();
  expect(session).toMatchObject({ status: "connecting", phoneNumber: ACCOUNT });
  expect(store.find("a")).toMatchObject({ desired: "running", hibernateAfterMinutes: 5 });
});
