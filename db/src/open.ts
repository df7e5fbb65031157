import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { sql } from "drizzle-orm";
import { drizzle, type BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { holdDataDir, type DataDir } from "./data-dir-lock.ts";
import * as schema from "./schema/index.ts";

/** How long a statement waits for an administrator's lock before it fails. */
export const BUSY_TIMEOUT_MS = 5_000;
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

/** The newest time that is written in it, milliseconds since 1970; 0: none. */
export const newestTime = (db: Db): number =>
  db.get<{ at: number }>(sql`
    select max(
      coalesce((select created_at from messages order by rowid desc limit 1), 0),
      coalesce((select at from events order by id desc limit 1), 0)
    ) as at`).at;

/** The database of a data folder. */
export const fileOf = (dataDir: string): string => join(dataDir, "engine.sqlite");

export function connect(file: string): Db {
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

export const damaged = (file: string, what: string, cause?: unknown) =>
  new OperatorError(
    `The database ${file} is damaged (${what}); restore it from a backup, or move it away to start anew. Nothing was changed.`,
    { cause },
  );

export function toOperatorError(error: unknown, file: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === "SQLITE_CORRUPT" || error.code === "SQLITE_NOTADB")
    return damaged(file, error.message, error);
  return new OperatorError(`The database ${file} cannot be opened: ${error.message} (${error.code}).`, {
    cause: error,
  });
}
