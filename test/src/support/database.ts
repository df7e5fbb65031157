import { join } from "node:path";
import Sqlite from "better-sqlite3";

export type Row = Record<string, string | number | null>;

/** Reads the engine's database beside the engine, as an administrator would. */
export function query(dataDir: string, sql: string, ...parameters: unknown[]): Row[] {
  const sqlite = new Sqlite(join(dataDir, "engine.sqlite"), { readonly: true });
  try {
    return sqlite.prepare(sql).all(...parameters) as Row[];
  } finally {
    sqlite.close();
  }
}

/** Changes the database of an engine that does not run. */
export function change(dataDir: string, sql: string, ...parameters: unknown[]): void {
  const sqlite = new Sqlite(join(dataDir, "engine.sqlite"));
  try {
    sqlite.prepare(sql).run(...parameters);
  } finally {
    sqlite.close();
  }
}

const TABLES = ["sessions", "profiles", "runners", "warm_runners", "messages", "events"] as const;

/** All rows of all tables, for "nothing was changed". */
export const snapshot = (dataDir: string): Record<string, Row[]> =>
  Object.fromEntries(TABLES.map((table) => [table, query(dataDir, `select * from ${table} order by rowid`)]));

export const count = (dataDir: string, table: (typeof TABLES)[number]): number =>
  Number(query(dataDir, `select count(*) as n from ${table}`)[0]?.["n"]);
