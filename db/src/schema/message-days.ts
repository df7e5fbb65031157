import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { messageStatuses } from "@whatsapp-engine/contract/api";

/**
 * How many messages of a session and day came to which outcome; kept by triggers of the migrations. Stays when the
 * messages are removed. The day is the one on which it was handed over or, if it never was, accepted.
 */
export const messageDays = sqliteTable(
  "message_days",
  {
    sessionId: text("session_id").notNull(),
    /** Days since 1970, UTC. */
    day: integer().notNull(),
    status: text({ enum: messageStatuses }).notNull(),
    count: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.day, table.status] })],
);
