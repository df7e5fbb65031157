import type { Context } from "hono";
import {
  pendingAnswerSchema,
  sentAnswerSchema,
  type Message,
  type SendMessage,
} from "@whatsapp-engine/contract/api";
import type { Caller } from "../outbox/index.ts";
import type { AppEnv } from "./context.ts";
import { errorResponses } from "./errors.ts";

/** The OpenAPI part of every call that sends one message. */
export const sendResponses = {
  200: {
    description: "WhatsApp's server took it",
    content: { "application/json": { schema: sentAnswerSchema } },
  },
  202: {
    description: "accepted and not settled yet, or its outcome is unknown",
    content: { "application/json": { schema: pendingAnswerSchema } },
  },
  ...errorResponses(
    "invalid_request",
    "invalid_json",
    "invalid_form",
    "invalid_session_id",
    "invalid_phone_number",
    "invalid_media",
    "media_url_refused",
    "recipient_suppressed",
    "session_not_found",
    "session_not_connected",
    "idempotency_conflict",
    "body_too_large",
    "media_too_large",
    "unsupported_media_type",
    "not_on_whatsapp",
    "media_unreachable",
    "send_failed",
    "message_expired",
    "message_cancelled",
    "page_error",
    "queue_full",
    "too_busy",
    "runner_unavailable",
    "runtime_unavailable",
  ),
};

/**
 * What a message's acceptance tells the call that it came with, and the other way. While the outcome is waited for, of a file that is on
 * disk by then nothing stays in memory.
 */
export const callerOf = (c: Context<AppEnv>, { media }: Pick<SendMessage, "media">): Caller => ({
  answered: answered(c),
  accepted: () => {
    for (const bytes of ["base64", "bytes"] as const) delete media?.[bytes];
    c.req.bodyCache = {};
    c.var.bodyDone?.();
  },
});

/** Whether the caller had the whole answer, once that is known. */
const answered = ({ env: { outgoing } }: Context<AppEnv>): Promise<boolean> =>
  new Promise((resolve) => {
    if (outgoing.destroyed) resolve(outgoing.writableFinished);
    outgoing.once("close", () => resolve(outgoing.writableFinished));
  });

/** What became of a message that was to be sent: 200 where WhatsApp has it, else 202. What did not go out is an error already. */
export function answerSent(
  c: Context<AppEnv>,
  { message, repeated }: { message: Message; repeated: boolean },
) {
  const { messageId, status, whatsappId, timestamp } = message;
  const again = repeated ? { repeated: true as const } : {};
  const data = { message_id: messageId };
  const answer = { success: true as const, messageId, status, whatsappId, timestamp, ...again, data };
  if (status === "sent" || status === "delivered" || status === "read") return c.json(answer, 200);
  return c.json({ ...answer, message }, 202);
}
