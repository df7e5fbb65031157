import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * Runners on fresh profiles that wait for a session, or are for none. A session that takes one removes its row and gets the profile, in one
 * transaction. Times are milliseconds since 1970.
 */
export const warmRunners = sqliteTable("warm_runners", {
  profileId: text("profile_id").primaryKey(),
  runnerId: text("runner_id").notNull().unique(),
  createdAt: integer("created_at").notNull(),
  /** `look`: it only looks which WhatsApp Web is served, and is no session's ever. */
  purpose: text({ enum: ["session", "look"] })
    .notNull()
    .default("session"),
});
export type WarmRunnerRow = typeof warmRunners.$inferSelect;
