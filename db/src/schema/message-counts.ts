import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { messageStatuses } from "@whatsapp-engine/contract/api";

/** How many messages a session has in each status; kept by triggers of the migrations, so that nobody counts a million rows. */
export const messageCounts = sqliteTable(
  "message_counts",
  {
    sessionId: text("session_id").notNull(),
    status: text({ enum: messageStatuses }).notNull(),
    count: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.status] })],
);
