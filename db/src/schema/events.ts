import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { eventTypes, type EventData } from "@whatsapp-engine/contract/api";

/** Something that happened in a session, numbered per session from 1, stored once. */
export const events = sqliteTable(
  "events",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    sessionId: text("session_id").notNull(),
    seq: integer().notNull(),
    type: text({ enum: eventTypes }).notNull(),
    data: text({ mode: "json" }).$type<EventData>().notNull(),
    at: integer().notNull(),
  },
  (table) => [
    uniqueIndex("events_session_seq").on(table.sessionId, table.seq),
    index("events_at").on(table.at),
  ],
);
export type EventRow = typeof events.$inferSelect;
