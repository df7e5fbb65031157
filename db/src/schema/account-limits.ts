import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { accountLimits as codes } from "@whatsapp-engine/contract/api";

/** Sessions whose account WhatsApp keeps from writing to people it does not know. Times are milliseconds since 1970, UTC. */
export const accountLimits = sqliteTable("account_limits", {
  sessionId: text("session_id").primaryKey(),
  /** The account that it is of: digits; null: not known. */
  account: text(),
  code: text({ enum: codes }).notNull(),
  since: integer().notNull(),
  /** When WhatsApp ends it; null: it did not say. */
  until: integer(),
  /** When one message tries whether it is over. */
  nextTryAt: integer("next_try_at").notNull(),
  /** How often it was tried and refused, the first refusal counted. */
  refusals: integer().notNull(),
  /** The message that tries now. */
  triedBy: text("tried_by"),
});
export type AccountLimitRow = typeof accountLimits.$inferSelect;
