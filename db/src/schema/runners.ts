import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { profiles } from "./profiles.ts";

/** A container (or process) that was asked for. The row is written before it is started and goes when it is removed. */
export const runners = sqliteTable("runners", {
  id: text().primaryKey(),
  profileId: text("profile_id")
    .notNull()
    .references(() => profiles.id),
  createdAt: integer("created_at").notNull(),
});
