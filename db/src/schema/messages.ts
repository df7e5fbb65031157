import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import {
  messageStatuses,
  messageTypes,
  waitReasons,
  type MessageContent,
} from "@whatsapp-engine/contract/api";

/** Ends at which a message did not demonstrably go out: few, and asked for. SQL, as a partial index wants it word for word. */
export const isUnsent = sql.raw("status in ('failed', 'unknown', 'expired', 'cancelled')");

/** An outbound message. Its row is committed before it is accepted. Stays when its session is deleted. */
export const messages = sqliteTable(
  "messages",
  {
    id: text().primaryKey(),
    sessionId: text("session_id").notNull(),
    /** Digits, or a WhatsApp chat id. */
    recipient: text().notNull(),
    type: text({ enum: messageTypes }).notNull(),
    body: text(),
    /** What the message is made of besides text and media. */
    content: text({ mode: "json" }).$type<MessageContent>(),
    /** Names the file in `DATA_DIR/media`, until its retention ends. */
    mediaSha256: text("media_sha256"),
    mediaMimetype: text("media_mimetype"),
    mediaFilename: text("media_filename"),
    mediaBytes: integer("media_bytes"),
    status: text({ enum: messageStatuses }).notNull(),
    /** Its place in the queue of all messages; null while it is in none (scheduled, paused) and never was. */
    position: integer(),
    /** What keeps it, and all after it to its chat, from going out. */
    waitsFor: text("waits_for", { enum: waitReasons }),
    /** The bulk it came with. Its row comes last: before that its messages are not accepted, and nobody is told of them. */
    bulkId: text("bulk_id"),
    /** The caller's own id of it, once per session. */
    clientMessageId: text("client_message_id"),
    /** Tells whether a repeated `clientMessageId` comes with the same request. */
    requestHash: text("request_hash"),
    /** What a message without a `clientMessageId` says: the same again may be a caller who had no answer. */
    repeatHash: text("repeat_hash"),
    /** When it turned out that its caller had no answer. */
    unansweredAt: integer("unanswered_at"),
    /** The message that it was last sent again as, by hand. */
    retriedAs: text("retried_as"),
    whatsappId: text("whatsapp_id"),
    errorCode: text("error_code"),
    errorMessage: text("error_message"),
    /** How often it was handed to a runner. */
    attempts: integer().notNull().default(0),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    scheduledAt: integer("scheduled_at"),
    expiresAt: integer("expires_at"),
    /** When it was last handed to a runner: what the pace is counted by. */
    handedAt: integer("handed_at"),
    sentAt: integer("sent_at"),
    deliveredAt: integer("delivered_at"),
    readAt: integer("read_at"),
    /** When its text was replaced, by the API; `body` is the new one. */
    editedAt: integer("edited_at"),
    /** When it was deleted for everyone, by the API. */
    revokedAt: integer("revoked_at"),
  },
  (table) => [
    index("messages_session").on(table.sessionId, table.createdAt),
    index("messages_created").on(table.createdAt),
    index("messages_unsent").on(table.sessionId, table.status, table.createdAt).where(isUnsent),
    // Those that WhatsApp has not given one need no place in it.
    index("messages_whatsapp_id")
      .on(table.whatsappId)
      .where(sql`whatsapp_id is not null`),
    uniqueIndex("messages_client_id")
      .on(table.sessionId, table.clientMessageId)
      .where(sql`client_message_id is not null`),
    index("messages_unanswered")
      .on(table.unansweredAt, table.sessionId, table.repeatHash)
      .where(sql`unanswered_at is not null`),
    index("messages_bulk")
      .on(table.bulkId, table.status)
      .where(sql`bulk_id is not null`),
    index("messages_sending")
      .on(table.sessionId)
      .where(sql`status = 'sending'`),
    // With what it is partial by, so that it alone answers what is asked of it.
    index("messages_line")
      .on(table.sessionId, table.position, table.status, table.waitsFor)
      .where(sql`status = 'queued' and position is not null and waits_for is null`),
    index("messages_chat")
      .on(table.sessionId, table.recipient)
      .where(sql`status = 'queued'`),
    index("messages_waiting")
      .on(table.sessionId, table.recipient, table.position, table.waitsFor)
      .where(sql`status = 'queued' and waits_for is not null`),
    index("messages_scheduled")
      .on(table.scheduledAt)
      .where(sql`status = 'queued' and position is null`),
    index("messages_expiring")
      .on(table.expiresAt)
      .where(sql`status = 'queued' and expires_at is not null`),
    index("messages_handed")
      .on(table.sessionId, table.handedAt)
      .where(sql`handed_at is not null`),
    index("messages_unknown")
      .on(table.sessionId)
      .where(sql`status = 'unknown'`),
    index("messages_media")
      .on(table.mediaSha256)
      .where(sql`media_sha256 is not null`),
  ],
);
export type MessageRow = typeof messages.$inferSelect;
