import { integer, sqliteTable } from "drizzle-orm/sqlite-core";

/** One row once events were removed: up to which id some are missing. */
export const eventRetention = sqliteTable("event_retention", {
  id: integer().primaryKey(),
  removedTo: integer("removed_to").notNull(),
});
