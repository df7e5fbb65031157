import { sql } from "drizzle-orm";

/** A time in milliseconds since 1970 as administrators read it, UTC. */
export const readable = (column: string) =>
  sql.raw(`strftime('%Y-%m-%d %H:%M:%S', ${column} / 1000, 'unixepoch')`);
