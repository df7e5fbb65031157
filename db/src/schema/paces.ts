import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** A session's own pace, where it differs from the settings; null: as the settings say, 0: no limit. */
export const paces = sqliteTable("paces", {
  sessionId: text("session_id").primaryKey(),
  perMinute: integer("per_minute"),
  burst: integer(),
  pauseMs: integer("pause_ms"),
  perDay: integer("per_day"),
  recipientPauseMs: integer("recipient_pause_ms"),
  recipientPerDay: integer("recipient_per_day"),
});
export type PaceRow = typeof paces.$inferSelect;
