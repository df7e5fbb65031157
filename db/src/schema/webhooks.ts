import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { sql } from "drizzle-orm";
import { deliveryStates, type EventType } from "@whatsapp-engine/contract/api";

/** A URL that is told of events. */
export const webhooks = sqliteTable("webhooks", {
  id: text().primaryKey(),
  /** Null: of all sessions. */
  sessionId: text("session_id"),
  url: text().notNull(),
  /** Null: all events. */
  events: text({ mode: "json" }).$type<EventType[]>(),
  /** The key that signs, `whsec_...`; the former one signs too until `formerSecretUntil`. */
  secret: text().notNull(),
  formerSecret: text("former_secret"),
  formerSecretUntil: integer("former_secret_until"),
  enabled: integer({ mode: "boolean" }).notNull(),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
  /** Gone for the API; its row goes when its last delivery is removed. */
  deletedAt: integer("deleted_at"),
});
export type WebhookRow = typeof webhooks.$inferSelect;

/** One event on its way to one webhook; its row is written in the transaction that stores the event. */
export const deliveries = sqliteTable(
  "deliveries",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    webhookId: text("webhook_id")
      .notNull()
      .references(() => webhooks.id, { onDelete: "cascade" }),
    eventId: integer("event_id").notNull(),
    sessionId: text("session_id").notNull(),
    state: text({ enum: deliveryStates }).notNull(),
    attempts: integer().notNull().default(0),
    nextAttemptAt: integer("next_attempt_at").notNull(),
    /** What the last attempt came to: an HTTP status, or why there was none. */
    lastStatus: integer("last_status"),
    lastError: text("last_error"),
    /** Since when nothing of its line arrived; null while it has not failed. What follows a dead one takes this over. */
    failingSince: integer("failing_since"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    index("deliveries_waiting")
      .on(table.webhookId, table.sessionId, table.id)
      .where(sql`state = 'waiting'`),
    index("deliveries_state").on(table.webhookId, table.state),
    index("deliveries_event").on(table.eventId),
  ],
);
export type DeliveryRow = typeof deliveries.$inferSelect;
