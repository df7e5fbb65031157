import { createRoute, z } from "@hono/zod-openapi";
import {
  pendingAnswerSchema,
  sendMessageSchema,
  sentAnswerSchema,
  sessionIdSchema,
} from "@whatsapp-engine/contract";
import { toMessage, type MessageService } from "../../messages/service.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const send = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/send",
  summary: "Send a message and wait for its outcome",
  request: {
    params: z.object({ sessionId: sessionIdSchema }),
    body: { required: true, content: { "application/json": { schema: sendMessageSchema } } },
  },
  responses: {
    200: {
      description: "WhatsApp's server took it",
      content: { "application/json": { schema: sentAnswerSchema } },
    },
    202: {
      description: "not settled in time, or unknown",
      content: { "application/json": { schema: pendingAnswerSchema } },
    },
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "invalid_session_id",
      "invalid_phone_number",
      "invalid_media",
      "media_url_refused",
      "session_not_found",
      "session_not_connected",
      "body_too_large",
      "media_too_large",
      "unsupported_media_type",
      "not_on_whatsapp",
      "media_unreachable",
      "send_failed",
      "runner_unavailable",
      "runtime_unavailable",
    ),
  },
});

export const messageRoutes = ({ messages }: { messages: MessageService }) =>
  createRouter().openapi(send, async (c) => {
    const row = await messages.send(c.req.valid("param").sessionId, c.req.valid("json"));
    const message = toMessage(row);
    const { messageId, status, whatsappId, timestamp } = message;
    const answer = { success: true as const, messageId, status, whatsappId, timestamp };
    if (status === "sending" || status === "unknown" || status === "queued")
      return c.json({ ...answer, message }, 202);
    return c.json(answer, 200);
  });
