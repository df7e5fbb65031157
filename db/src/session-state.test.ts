import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase, prepareDatabase } from "./prepare.ts";
import { sessions, type SessionRow } from "./schema/index.ts";
import { olderMigrations } from "./test-support/older.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "session-state-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A session as the engine before kept it: what holds it up, and that it sleeps, in words. */
type Before = [desired: string, status: string, reason: string | null, detail: string | null];
type After = Partial<Pick<SessionRow, "desired" | "waitsFor" | "unlinkOutcome">>;

const CASES: [id: string, Before, After][] = [
  ["connected", ["running", "connected", null, null], { desired: "running" }],
  ["asleep", ["stopped", "disconnected", "hibernated", null], { desired: "asleep" }],
  [
    "without-room",
    [
      "stopped",
      "disconnected",
      "hibernated",
      "Messages wait, and there is no room to wake it: 2 sessions run.",
    ],
    { desired: "asleep", waitsFor: "room" },
  ],
  [
    "waiting",
    ["running", "connecting", "waking", "Waits for its turn to start."],
    { desired: "running", waitsFor: "turn" },
  ],
  [
    "copying",
    ["running", "connecting", "starting", "Its login is being copied into a backup."],
    { desired: "running", waitsFor: "copy" },
  ],
  ["stopped", ["stopped", "disconnected", "stopped", null], { desired: "stopped" }],
  ["failing", ["running", "disconnected", "start_failed", "No such image."], { desired: "running" }],
  [
    "logged-out",
    ["stopped", "disconnected", "logged_out", "The account was unlinked at WhatsApp, and the login deleted."],
    { desired: "stopped", unlinkOutcome: "done" },
  ],
  [
    "not-confirmed",
    [
      "stopped",
      "disconnected",
      "logged_out",
      "The login was deleted here. The phone may go on showing this device until it is removed there, under Linked devices: WhatsApp was asked to unlink it, and did not confirm that.",
    ],
    { desired: "stopped", unlinkOutcome: "unknown" },
  ],
  ["unlinked-on-phone", ["stopped", "disconnected", "logged_out", null], { desired: "stopped" }],
  ["deleting", ["deleted", "connected", null, null], { desired: "deleted" }],
];

it("knows of older sessions which sleep, and what holds them up", () => {
  prepareDatabase(dir, olderMigrations(dir, "0013_session_state"));
  const old = new Sqlite(join(dir, "engine.sqlite"));
  const add = old.prepare(
    `insert into sessions (id, desired, status, reason, detail, name, runner_id, created_at, updated_at, connected_at)
      values (?, ?, ?, ?, ?, 'Shop', 'r', 1, 2, 3)`,
  );
  const addProfile = old.prepare("insert into profiles (id, session_id, created_at) values (?, ?, 1)");
  for (const [id, before] of CASES) {
    add.run(id, ...before);
    addProfile.run(`profile of ${id}`, id);
  }
  old.close();

  const { db, close } = openDatabase(dir);
  try {
    const rows = new Map(
      db
        .select()
        .from(sessions)
        .all()
        .map((row) => [row.id, row]),
    );
    expect([...rows.keys()].toSorted()).toEqual(CASES.map(([id]) => id).toSorted());
    for (const [id, [, status, reason, detail], after] of CASES) {
      expect(rows.get(id)).toMatchObject({
        status,
        reason,
        detail,
        waitsFor: null,
        unlinkOutcome: null,
        ...after,
        isVisit: false,
        name: "Shop",
        runnerId: "r",
        version: 1,
        createdAt: 1,
        updatedAt: 2,
        connectedAt: 3,
      });
    }
    const sqlite = db.$client;
    const profiles = sqlite.prepare("select count(*) from profiles p join sessions s on s.id = p.session_id");
    expect(profiles.pluck().get()).toBe(CASES.length);
    const seen = sqlite.prepare(
      "select wanted, waits_for from session_overview where session = 'without-room'",
    );
    expect(seen.get()).toEqual({ wanted: "asleep", waits_for: "room" });
    expect(() => sqlite.exec("update sessions set desired = 'sleeping'")).toThrow(/CHECK/);
  } finally {
    close();
  }
});
