import { sql } from "drizzle-orm";
import { check, index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { sessionReasons, sessionStatuses, unlinkOutcomes } from "@whatsapp-engine/contract/api";

/** What is wanted of a session: a runner, none until the session is needed, none, or nothing of it left at all. */
export const desiredStates = ["running", "asleep", "stopped", "deleted"] as const;

/** What holds a session up: its turn to start, room on the machine to wake it, the copy of its login for a backup. */
export const sessionWaits = ["turn", "room", "copy"] as const;

/** One WhatsApp account's link, as the API's caller names it. Times are milliseconds since 1970, UTC. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text().primaryKey(),
    /** What people call it. */
    name: text(),
    desired: text({ enum: desiredStates }).notNull(),
    status: text({ enum: sessionStatuses }).notNull(),
    reason: text({ enum: sessionReasons }),
    /** For people: what stands behind `reason`. No code compares it. */
    detail: text(),
    /** Null: nothing holds it up. */
    waitsFor: text("waits_for", { enum: sessionWaits }),
    /** What a logout by the API came to, or `unknown` from when it was asked for; null where there was none. */
    unlinkOutcome: text("unlink_outcome", { enum: unlinkOutcomes }),
    /** Woken only so that WhatsApp sees the device; sleeps again when it has taken in what came. */
    isVisit: integer("is_visit", { mode: "boolean" }).notNull().default(false),
    /** The account that must link, as given at creation: digits, international. */
    expectedPhoneNumber: text("expected_phone_number"),
    /** The account that is linked: digits; null when only a LID is known. */
    linkedPhoneNumber: text("linked_phone_number"),
    pushName: text("push_name"),
    /** The version of WhatsApp Web that its page runs, or ran last. */
    whatsappVersion: text("whatsapp_version"),
    /** The version that its page is to run; null: as the engine's setting says. */
    whatsappVersionPin: text("whatsapp_version_pin"),
    /** Idle minutes after which its runner is closed, 0: never; null: as the engine's setting says. */
    hibernateAfterMinutes: integer("hibernate_after_minutes"),
    /** The present runner. What comes from any other one is ignored. */
    runnerId: text("runner_id"),
    /** Grows with every write; a writer names the version it saw. */
    version: integer().notNull().default(1),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    connectedAt: integer("connected_at"),
  },
  (table) => [
    index("sessions_status").on(table.status),
    index("sessions_created").on(table.createdAt, table.id),
    check("sessions_desired", sql`${table.desired} in ('running', 'asleep', 'stopped', 'deleted')`),
  ],
);
export type SessionRow = typeof sessions.$inferSelect;
