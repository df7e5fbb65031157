import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { copyBeforeUpgrade } from "./copies.ts";
import { prepareDatabase } from "./prepare.ts";
import { journalOf, olderMigrations, readJournal } from "./test-support/older.ts";

const TIMES = "1, 1";

let dir: string;
let data: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "copies-"));
  data = join(dir, "data");
  mkdirSync(data);
  file = join(data, "engine.sqlite");
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The first `count` of our migrations, and others after them. */
function migrations(count: number, ...more: string[]): string {
  const folder = olderMigrations(dir, count);
  const journal = readJournal(folder);
  for (const [at, sql] of more.entries()) {
    const last = journal.entries.at(-1)!;
    const tag = `9${at}_more`;
    writeFileSync(join(folder, `${tag}.sql`), sql);
    journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag });
  }
  writeFileSync(journalOf(folder), JSON.stringify(journal));
  return folder;
}
const all = readJournal().entries.length;

function run<T>(path: string, work: (sqlite: Sqlite.Database) => T): T {
  const sqlite = new Sqlite(path);
  try {
    return work(sqlite);
  } finally {
    sqlite.close();
  }
}
const seed = () =>
  run(file, (sqlite) =>
    sqlite.exec(
      `insert into sessions (id, desired, status, created_at, updated_at) values ('s', 'running', 'connected', ${TIMES});
       insert into profiles (id, session_id, created_at) values ('p', 's', 1)`,
    ),
  );
const profiles = (path = file) =>
  run(path, (sqlite) => sqlite.prepare("select id from profiles").pluck().all());
const copies = () => readdirSync(join(data, "before-upgrade")).toSorted();

/** Rebuilds the sessions, as every change does that SQLite cannot make in place. */
const REBUILD = `CREATE TABLE kept AS SELECT * FROM sessions;--> statement-breakpoint
DROP TABLE sessions;--> statement-breakpoint
CREATE TABLE sessions AS SELECT * FROM kept;--> statement-breakpoint
CREATE UNIQUE INDEX sessions_id ON sessions (id);--> statement-breakpoint
DROP TABLE kept;`;

it("copies an older database before it is upgraded, for its owner alone, and no other", () => {
  expect(prepareDatabase(data, migrations(8)).copy).toBeNull();
  seed();
  const { copy } = prepareDatabase(data);
  expect(copy).toMatch(/before-upgrade\/engine-0008-\d{8}T\d{6}Z\.sqlite$/);
  expect(profiles(copy!)).toEqual(["p"]);
  expect(statSync(copy!).mode & 0o777).toBe(0o600);
  expect(statSync(join(data, "before-upgrade")).mode & 0o777).toBe(0o700);
  expect(run(copy!, (sqlite) => sqlite.pragma("integrity_check", { simple: true }))).toBe("ok");
  expect(prepareDatabase(data).copy).toBeNull();
  // The engine of before opens it again.
  rmSync(file);
  cpSync(copy!, file);
  expect(prepareDatabase(data, migrations(8)).copy).toBeNull();
  expect(profiles()).toEqual(["p"]);
});

it("keeps the newest three, whatever schema they have, and removes what was left half made", () => {
  prepareDatabase(data, migrations(8));
  for (const [at, applied] of [9, 8, 10, 1, 7].entries())
    copyBeforeUpgrade(data, applied, new Date(Date.UTC(2026, 0, 1 + at)));
  writeFileSync(join(data, "before-upgrade/engine-0001-20260101T000000Z.sqlite.part"), "half");
  writeFileSync(join(data, "before-upgrade/mine.sqlite"), "mine");
  copyBeforeUpgrade(data, 2, new Date(Date.UTC(2026, 1, 1)));
  expect(copies()).toEqual([
    "engine-0001-20260104T000000Z.sqlite",
    "engine-0002-20260201T000000Z.sqlite",
    "engine-0007-20260105T000000Z.sqlite",
    "mine.sqlite",
  ]);
});

it("keeps what refers to a table that a migration rebuilds", () => {
  prepareDatabase(data, migrations(all));
  seed();
  prepareDatabase(data, migrations(all, REBUILD));
  expect(profiles()).toEqual(["p"]);
});

it("refuses an upgrade after which rows refer to what is gone, and leaves the database as it was", () => {
  const mended = `${REBUILD}--> statement-breakpoint\nDELETE FROM sessions;`;
  prepareDatabase(data, migrations(all));
  seed();
  const upgrade = () => prepareDatabase(data, migrations(all, mended));
  expect(upgrade).toThrow(OperatorError);
  expect(upgrade).toThrow("would leave 1 rows that refer to what is gone");
  expect(prepareDatabase(data, migrations(all)).copy).toBeNull();
  expect([
    profiles(),
    run(file, (sqlite) => sqlite.prepare("select count(*) from sessions").pluck().get()),
  ]).toEqual([["p"], 1]);
});

it("goes on with a database in which an administrator left such rows", () => {
  prepareDatabase(data, migrations(8));
  run(file, (sqlite) => {
    sqlite.pragma("foreign_keys = OFF");
    sqlite.exec("insert into profiles (id, session_id, created_at) values ('orphan', 'gone', 1)");
  });
  prepareDatabase(data);
  expect(profiles()).toEqual(["orphan"]);
  expect(existsSync(file)).toBe(true);
});
