import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { sql } from "drizzle-orm";
import { bulkStates, type SkippedRecipient } from "@whatsapp-engine/contract/api";

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
    /** Recipients that were left out as not valid; null: none. */
    skipped: text({ mode: "json" }).$type<SkippedRecipient[]>(),
    /** Milliseconds between two of its messages; null: as the session's pace has it. */
    pauseMs: integer("pause_ms"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("bulks_client_id")
      .on(table.sessionId, table.clientBulkId)
      .where(sql`client_bulk_id is not null`),
    index("bulks_session").on(table.sessionId, table.createdAt),
    // Of the few that go at a pace of their own the next message is looked for by themselves.
    index("bulks_paced")
      .on(table.id)
      .where(sql`state = 'running' and pause_ms is not null`),
  ],
);
export type BulkRow = typeof bulks.$inferSelect;
