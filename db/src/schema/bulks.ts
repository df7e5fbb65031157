import { integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { sql } from "drizzle-orm";
import { bulkStates } from "@whatsapp-engine/contract";

/** Many messages that came in one call. What became of each stands in `messages`. */
export const bulks = sqliteTable(
  "bulks",
  {
    id: text().primaryKey(),
    sessionId: text("session_id").notNull(),
    state: text({ enum: bulkStates }).notNull(),
    total: integer().notNull(),
    clientBulkId: text("client_bulk_id"),
    requestHash: text("request_hash"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("bulks_client_id")
      .on(table.sessionId, table.clientBulkId)
      .where(sql`client_bulk_id is not null`),
  ],
);
export type BulkRow = typeof bulks.$inferSelect;
