import { eq, sql, type Placeholder, type SQL } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

/*
 * SQLite prepares a statement anew at each run where its plan depended on a bound value (3.53, `sqlite3VdbeSetVarmask`): a value that
 * is compared with the column that a partial index is limited by, and a LIMIT. Drizzle binds both. In statements that are prepared
 * once and run for each message that costs ten times the run itself. So there `get` is given no `limit(1)`: it reads one row anyway.
 */

/** `column = 'value'`, with the value written into the statement: for columns that a partial index is limited by. */
export const equals = <Column extends SQLiteColumn>(
  column: Column,
  value: Column["_"]["data"] & string,
): SQL => eq(column, value).inlineParams();

/** A LIMIT whose value is given by name at each run. */
export const limitOf = (name: string): Placeholder =>
  // Drizzle takes any expression there, and types it as two of them.
  sql`cast(${sql.placeholder(name)} as integer)` as unknown as Placeholder;
