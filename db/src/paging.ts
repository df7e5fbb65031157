import { sql, type SQL } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

type Columns = readonly [SQLiteColumn, SQLiteColumn];
type Key = readonly [string | number, string | number];

/** Rows beyond a page's last one, in a list that both columns order; undefined, which is no condition, on the first page. */
const beyond = (columns: Columns, comparison: SQL, key: Key | undefined): SQL | undefined =>
  key && sql`(${columns[0]}, ${columns[1]}) ${comparison} (${key[0]}, ${key[1]})`;

export const rowsAfter = (columns: Columns, key: Key | undefined) => beyond(columns, sql`>`, key);
export const rowsBefore = (columns: Columns, key: Key | undefined) => beyond(columns, sql`<`, key);
