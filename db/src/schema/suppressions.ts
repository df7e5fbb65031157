import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { suppressionSources } from "@whatsapp-engine/contract/api";

/** Somebody who must not be written to. `sessionId` is empty where it holds for all sessions. */
export const suppressions = sqliteTable(
  "suppressions",
  {
    sessionId: text("session_id").notNull(),
    /** Digits, or a WhatsApp chat id. */
    recipient: text().notNull(),
    source: text({ enum: suppressionSources }).notNull(),
    note: text(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.recipient] }),
    index("suppressions_recipient").on(table.recipient),
  ],
);
export type SuppressionRow = typeof suppressions.$inferSelect;
