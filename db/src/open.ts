import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { drizzle, type BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { OperatorError } from "@whatsapp-engine/contract";
import { holdDataDir, type DataDir } from "./data-dir-lock.ts";
import * as schema from "./schema/index.ts";

const migrationsFolder = fileURLToPath(new URL("../migrations", import.meta.url));
/** How long a statement waits for an administrator's lock before it fails. */
const BUSY_TIMEOUT_MS = 5_000;
/**
 * The write-ahead log is taken over at so many pages (8 MB) within somebody's commit, which it holds up by 12 ms. SQLite's own 1,000
 * hold up twice as many for 9 ms each, and a bulk of 1,000 messages takes an eighth longer; 4,000 hold up by 20 ms.
 */
const CHECKPOINT_PAGES = 2_000;

export type Db = BetterSQLite3Database<typeof schema> & { $client: Sqlite.Database };

/**
 * Runs a write without waiting for the disk: a crash of the process loses nothing of it, a loss of power may. Only for
 * what can be learnt again; every other commit waits (`synchronous=FULL`). Not inside a transaction.
 */
export function withoutSync<T>(db: Db, work: () => T): T {
  if (db.$client.inTransaction) return work();
  db.$client.pragma("synchronous = NORMAL");
  try {
    return work();
  } finally {
    db.$client.pragma("synchronous = FULL");
  }
}

export type OpenDatabase = {
  db: Db;
  /** Whether any session has a login of its own, or a runner waits for one. */
  hasProfiles(): boolean;
  /** Checkpoints and closes; closing twice is fine. */
  close(): void;
};

/** Makes the data folder and holds it for this process alone. Throws `OperatorError`. */
export function openDataDir(dataDir: string): DataDir {
  try {
    // Others may pass through (the process runtime's browser does, under a user of its own) but not look.
    if (mkdirSync(dataDir, { recursive: true }) !== undefined) chmodSync(dataDir, 0o711);
  } catch (cause) {
    throw new OperatorError(`DATA_DIR ${dataDir} cannot be made: ${(cause as Error).message}.`, { cause });
  }
  return holdDataDir(dataDir);
}

/** Bytes of the database; 0: there is none yet. */
export const databaseSize = (dataDir: string): number =>
  statSync(fileOf(dataDir), { throwIfNoEntry: false })?.size ?? 0;

/**
 * Looks the database through and brings its schema up to date, which takes long for a large one. One that is damaged, or newer
 * than this engine, is refused with an `OperatorError` before anything in it is changed. Whoever calls holds the folder.
 */
export function prepareDatabase(dataDir: string): void {
  const file = fileOf(dataDir);
  try {
    if (existsSync(file)) refuseUnusable(file);
    const db = connect(file);
    try {
      migrate(db, { migrationsFolder });
    } finally {
      db.$client.close();
    }
  } catch (error) {
    throw toOperatorError(error, file);
  }
}

/** Opens a database that is prepared, in a folder that is held; closing it lets go of the folder. */
export function openPrepared(dataDir: string, hold: DataDir): OpenDatabase {
  try {
    const db = connect(fileOf(dataDir));
    const close = () => {
      db.$client.close();
      hold.release();
    };
    const hasProfiles = () =>
      [schema.profiles, schema.warmRunners].some(
        (table) => db.select().from(table).limit(1).get() !== undefined,
      );
    return { db, hasProfiles, close };
  } catch (error) {
    throw toOperatorError(error, fileOf(dataDir));
  }
}

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

const fileOf = (dataDir: string): string => join(dataDir, "engine.sqlite");

function connect(file: string): Db {
  const sqlite = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("synchronous = FULL");
    sqlite.pragma("foreign_keys = ON");
    sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    return drizzle(sqlite, { schema });
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Reads only, so that a database we must not touch stays as it is. */
function refuseUnusable(file: string): void {
  const sqlite = new Sqlite(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const [row] = sqlite.pragma("quick_check(1)") as [{ quick_check: string }];
    // A heading comes before what was found.
    if (row.quick_check !== "ok") throw damaged(file, row.quick_check.split("\n").at(-1) ?? "");
    const applied = sqlite.prepare("select name from sqlite_master where name = '__drizzle_migrations'").get()
      ? (sqlite.prepare("select max(created_at) as at from __drizzle_migrations").get() as {
          at: number | null;
        })
      : { at: null };
    const newest = readMigrationFiles({ migrationsFolder }).at(-1)?.folderMillis ?? 0;
    if (applied.at !== null && Number(applied.at) > newest) {
      throw new OperatorError(
        `The database ${file} was made by a newer version of the engine; update the engine, or give another DATA_DIR.`,
      );
    }
  } finally {
    sqlite.close();
  }
}

const damaged = (file: string, what: string, cause?: unknown) =>
  new OperatorError(
    `The database ${file} is damaged (${what}); restore it from a backup, or move it away to start anew. Nothing was changed.`,
    { cause },
  );

function toOperatorError(error: unknown, file: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === "SQLITE_CORRUPT" || error.code === "SQLITE_NOTADB")
    return damaged(file, error.message, error);
  return new OperatorError(`The database ${file} cannot be opened: ${error.message} (${error.code}).`, {
    cause: error,
  });
}
