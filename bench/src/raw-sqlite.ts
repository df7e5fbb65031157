import { randomUUID } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { timedMany } from "./statistics.ts";

/**
 * The yardstick for what must be on disk: one bare row (id, recipient, text) a commit, with `synchronous=FULL`, in the same
 * folder as the engine's database. Answers the commits' milliseconds, and the bytes of a row without any index.
 */
export async function measureRawCommits(folder: string, text: string) {
  const file = join(folder, "raw.sqlite");
  const sqlite = new Sqlite(file);
  try {
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("synchronous = FULL");
    sqlite.exec("create table raw (id text, recipient text, body text)");
    const before = sizeOf(sqlite, file);
    const insert = sqlite.prepare("insert into raw values (?, ?, ?)");
    const commits = await timedMany(2000, 1, async () => insert.run(randomUUID(), "6281100000000", text));
    return { commits, bytesPerRow: (sizeOf(sqlite, file) - before) / 2000 };
  } finally {
    sqlite.close();
    for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
  }
}

/** Bytes of the engine's database, its write-ahead log taken into it first. */
export function databaseBytes(dataDir: string): number {
  const file = join(dataDir, "engine.sqlite");
  const sqlite = new Sqlite(file, { fileMustExist: true });
  try {
    return sizeOf(sqlite, file);
  } finally {
    sqlite.close();
  }
}

function sizeOf(sqlite: Sqlite.Database, file: string): number {
  sqlite.pragma("wal_checkpoint(TRUNCATE)");
  return statSync(file).size + statSync(`${file}-wal`).size;
}
