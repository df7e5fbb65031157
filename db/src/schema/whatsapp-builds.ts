import { sql } from "drizzle-orm";
import { integer, sqliteTable, sqliteView, text } from "drizzle-orm/sqlite-core";
import { buildStates } from "@whatsapp-engine/contract/api";
import { readable } from "./readable.ts";

/** Builds of WhatsApp Web that were found, and what is known of them. Times are milliseconds since 1970, UTC. */
export const whatsappBuilds = sqliteTable("whatsapp_builds", {
  version: text().primaryKey(),
  state: text({ enum: buildStates }).notNull(),
  foundAt: integer("found_at").notNull(),
  /** The session that tries it, or tried it last. */
  sessionId: text("session_id"),
  /** When the last trial began, and when that session was connected on it. */
  triedAt: integer("tried_at"),
  readyAt: integer("ready_at"),
  /** Of that session: its newest event when it was. */
  readyAfterSeq: integer("ready_after_seq"),
  /** Messages that the page did not take in this trial; each goes back into the queue once. */
  troubles: text({ mode: "json" }).$type<{ messageId: string; kind: string; words: string; at: number }[]>(),
  provenAt: integer("proven_at"),
  /** When a trial of it failed last. */
  rejectedAt: integer("rejected_at"),
  /** Taken over for want of traffic, and so by one session at a time. */
  cautious: integer({ mode: "boolean" }).notNull().default(false),
  /** When it may be tried again. */
  retryAt: integer("retry_at"),
  /** For people: why it is in its state. */
  why: text(),
});
export type WhatsAppBuildRow = typeof whatsappBuilds.$inferSelect;

/** For administrators: the builds, the newest found first. Times are UTC. */
export const whatsappBuildOverview = sqliteView("whatsapp_build_overview", {
  version: text(),
  state: text(),
  sessions: integer(),
  canary: text(),
  found: text(),
  tried: text(),
  proven: text(),
  rejected: text(),
  retry: text(),
  why: text(),
}).as(sql`
  select b.version, b.state,
    (select count(*) from sessions s where s.whatsapp_version = b.version and s.desired = 'running') as sessions,
    case b.state when 'trying' then b.session_id end as canary, ${readable("b.found_at")} as found,
    ${readable("b.tried_at")} as tried, ${readable("b.proven_at")} as proven,
    ${readable("b.rejected_at")} as rejected, ${readable("b.retry_at")} as retry, b.why
  from whatsapp_builds b order by b.found_at desc`);
