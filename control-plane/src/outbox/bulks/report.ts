import { stringify } from "csv-stringify/sync";
import type { SkippedRecipient } from "@whatsapp-engine/contract/api";
import { iso } from "../../lib/clock.ts";
import type { MessageRow } from "../rows.ts";

const time = (at: number | null) => (at === null ? "" : iso(at));

/**
 * What became of each recipient, a row each, as spreadsheets read it: UTF-8 with a byte order mark, cells that would be formulas made
 * texts. Those that were skipped come last.
 */
export const reportOf = (
  messages: readonly MessageRow[],
  skipped: readonly SkippedRecipient[],
  delimiter: string,
): string =>
  stringify(
    [
      ...messages.map((row) => ({
        recipient: row.recipient,
        status: row.status,
        error: row.errorCode ?? "",
        reason: row.errorMessage ?? "",
        text: row.body ?? "",
        accepted: iso(row.createdAt),
        sent: time(row.sentAt),
        delivered: time(row.deliveredAt),
        read: time(row.readAt),
        messageId: row.id,
        clientMessageId: row.clientMessageId ?? "",
        whatsappId: row.whatsappId ?? "",
      })),
      ...skipped.map(({ to, problems }) => ({
        recipient: to ?? "",
        status: "skipped",
        error: "invalid",
        reason: problems.map(({ message }) => message).join("; "),
      })),
    ],
    {
      header: true,
      columns: COLUMNS,
      bom: true,
      delimiter,
      escape_formulas: true,
      quoted_match: /[\r\n]/,
      record_delimiter: "\r\n",
    },
  );

const COLUMNS = [
  "recipient",
  "status",
  "error",
  "reason",
  "text",
  "accepted",
  "sent",
  "delivered",
  "read",
  "messageId",
  "clientMessageId",
  "whatsappId",
];
