import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { copyBeforeUpgrade, putBack } from "./copies.ts";
import {
  BUSY_TIMEOUT_MS,
  connect,
  damaged,
  fileOf,
  openDataDir,
  openPrepared,
  toOperatorError,
  type Db,
  type OpenDatabase,
} from "./open.ts";

const ourMigrations = fileURLToPath(new URL("../migrations", import.meta.url));

/** Bytes of the database; 0: there is none yet. */
export const databaseSize = (dataDir: string): number =>
  statSync(fileOf(dataDir), { throwIfNoEntry: false })?.size ?? 0;

/**
 * Looks the database through and brings its schema up to date, which takes long for a large one. One that is damaged, or newer
 * than this engine, is refused with an `OperatorError` before anything in it is changed. One of an older engine is copied before; returns
 * the copy's path, null where none was made. Whoever calls holds the folder. `migrations`: this engine's, unless given.
 */
export function prepareDatabase(dataDir: string, migrations = ourMigrations): { copy: string | null } {
  const file = fileOf(dataDir);
  try {
    const { isOlder, applied } = existsSync(file)
      ? refuseUnusable(file, migrations)
      : { isOlder: false, applied: 0 };
    const copy = isOlder ? copyBeforeUpgrade(dataDir, applied) : null;
    upgrade(file, migrations, copy);
    return { copy };
  } catch (error) {
    throw toOperatorError(error, file);
  }
}

/**
 * A migration rebuilds a table by dropping it, which deletes what refers to its rows where references are enforced. That cannot be
 * switched off within the transaction in which all migrations run, so it is off around them, and looked at afterwards.
 */
function upgrade(file: string, migrations: string, copy: string | null): void {
  const db = connect(file);
  let lost: number;
  try {
    db.$client.pragma("foreign_keys = OFF");
    const before = brokenReferences(db);
    migrate(db, { migrationsFolder: migrations });
    // An administrator's own tool may have left some, as SQLite's shell does not enforce them.
    lost = brokenReferences(db) - before;
  } finally {
    db.$client.close();
  }
  if (lost <= 0 || copy === null) return;
  putBack(copy, file);
  throw new OperatorError(
    `The upgrade of the database ${file} would leave ${lost} rows that refer to what is gone. Nothing was changed; go on with the engine of before, and report this.`,
  );
}

const brokenReferences = (db: Db): number => (db.$client.pragma("foreign_key_check") as unknown[]).length;

/** All of it at once: makes and holds the folder, prepares the database and opens it. */
export function openDatabase(dataDir: string): OpenDatabase {
  const hold = openDataDir(dataDir);
  try {
    prepareDatabase(dataDir);
    return openPrepared(dataDir, hold);
  } catch (error) {
    hold.release();
    throw error;
  }
}

/** Reads only, so that a database we must not touch stays as it is. `applied`: how many migrations it has had. */
function refuseUnusable(file: string, migrations: string): { isOlder: boolean; applied: number } {
  const sqlite = new Sqlite(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const [row] = sqlite.pragma("quick_check(1)") as [{ quick_check: string }];
    // A heading comes before what was found.
    if (row.quick_check !== "ok") throw damaged(file, row.quick_check.split("\n").at(-1) ?? "");
    if (!sqlite.prepare("select name from sqlite_master where name = '__drizzle_migrations'").get())
      return { isOlder: false, applied: 0 };
    const { newest, applied } = sqlite
      .prepare("select max(created_at) as newest, count(*) as applied from __drizzle_migrations")
      .get() as { newest: number | null; applied: number };
    const ours = readMigrationFiles({ migrationsFolder: migrations }).at(-1)?.folderMillis ?? 0;
    if (Number(newest) > ours) {
      throw new OperatorError(
        `The database ${file} was made by a newer version of the engine; update the engine, or give another DATA_DIR.`,
      );
    }
    return { isOlder: applied > 0 && Number(newest) < ours, applied };
  } finally {
    sqlite.close();
  }
}
