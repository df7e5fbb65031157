import { AppError, type ErrorCode } from "@whatsapp-engine/contract/api";
import type { MessageRow } from "./rows.ts";

/** What the runner's reason for not sending is to the API's caller. */
const CODE: Record<string, ErrorCode> = {
  not_on_whatsapp: "not_on_whatsapp",
  not_connected: "session_not_connected",
  invalid_media: "invalid_media",
  page_error: "page_error",
  account_restricted: "account_restricted",
  account_limit_reached: "account_limit_reached",
  runner_unavailable: "runner_unavailable",
};

/** The error for a message that is proven not to go out, and never to have gone; null: it is not. */
export function refusalOf(row: MessageRow): AppError | null {
  const reason = reasonOf(row);
  return reason && new AppError(...reason, { extra: { messageId: row.id } });
}

function reasonOf(row: MessageRow): [ErrorCode, string] | null {
  switch (row.status) {
    case "failed":
      return failureOf(row);
    case "expired":
      return ["message_expired", "The message expired before it could be sent; it was not sent."];
    case "cancelled":
      return ["message_cancelled", "The message was cancelled before it was sent."];
    default:
      return null;
  }
}

function failureOf(row: MessageRow): [ErrorCode, string] {
  const code = CODE[row.errorCode ?? ""] ?? "send_failed";
  const message =
    code === "not_on_whatsapp"
      ? "The number is not on WhatsApp; nothing was sent."
      : (row.errorMessage ?? "WhatsApp did not take the message; it was not sent.");
  return [code, message];
}
