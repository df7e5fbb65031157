import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { messageStatuses, messageTypes } from "@whatsapp-engine/contract";

/** An outbound message. Its row is committed before anything is sent. Stays when its session is deleted. */
export const messages = sqliteTable(
  "messages",
  {
    id: text().primaryKey(),
    sessionId: text("session_id").notNull(),
    /** Digits, or a WhatsApp chat id. */
    recipient: text().notNull(),
    type: text({ enum: messageTypes }).notNull(),
    body: text(),
    mediaSha256: text("media_sha256"),
    mediaMimetype: text("media_mimetype"),
    mediaFilename: text("media_filename"),
    mediaBytes: integer("media_bytes"),
    status: text({ enum: messageStatuses }).notNull(),
    whatsappId: text("whatsapp_id"),
    errorCode: text("error_code"),
    errorMessage: text("error_message"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    sentAt: integer("sent_at"),
  },
  (table) => [
    index("messages_session").on(table.sessionId, table.createdAt),
    index("messages_whatsapp_id").on(table.whatsappId),
    index("messages_sending")
      .on(table.sessionId)
      .where(sql`${table.status} = 'sending'`),
  ],
);
export type MessageRow = typeof messages.$inferSelect;
