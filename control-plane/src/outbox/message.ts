import type { Message } from "@whatsapp-engine/contract/api";
import { iso } from "../lib/clock.ts";
import { errorOf, type MessageRow } from "./rows.ts";

const time = (at: number | null) => (at === null ? null : iso(at));

/** A message as the API shows it. */
export const toMessage = (row: MessageRow): Message => ({
  messageId: row.id,
  sessionId: row.sessionId,
  clientMessageId: row.clientMessageId,
  bulkId: row.bulkId,
  to: row.recipient,
  type: row.type,
  text: row.body,
  status: row.status,
  whatsappId: row.whatsappId,
  error: errorOf(row),
  waitsFor: row.waitsFor,
  attempts: row.attempts,
  timestamp: time(row.sentAt),
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
  scheduledAt: time(row.scheduledAt),
  expiresAt: time(row.expiresAt),
  deliveredAt: time(row.deliveredAt),
  readAt: time(row.readAt),
  editedAt: time(row.editedAt),
  revokedAt: time(row.revokedAt),
});
