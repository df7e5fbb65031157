import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What a session's runner told and the engine could not read: the first of it, for an operator. Times as in `sessions`. */
export const unreadLines = sqliteTable(
  "unread_lines",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    sessionId: text("session_id").notNull(),
    /** The line's number in the runner's journal; null for what is in none, or has lost it. */
    seq: integer(),
    why: text().notNull(),
    /** The line, or its beginning. */
    line: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [index("unread_lines_session").on(table.sessionId)],
);
