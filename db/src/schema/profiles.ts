import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { sessions } from "./sessions.ts";

/** What a session's runners keep on their volume: the login and the journal. Outlives every single runner. */
export const profiles = sqliteTable("profiles", {
  id: text().primaryKey(),
  sessionId: text("session_id")
    .notNull()
    .unique()
    .references(() => sessions.id),
  /** Sequence number of the last journal event that is stored in `events`. */
  cursor: integer().notNull().default(0),
  /** The number of its newest runner: each new one has the next. A runner that finds a higher one on its volume ends. */
  generation: integer().notNull().default(0),
  /** Lines of its runners that could not be read; the first of them stand in `unread_lines`. */
  unreadLines: integer("unread_lines").notNull().default(0),
  /** When the last of them came. */
  unreadAt: integer("unread_at"),
  createdAt: integer("created_at").notNull(),
});
