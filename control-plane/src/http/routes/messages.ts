import { createRoute, z } from "@hono/zod-openapi";
import {
  AppError,
  clientMessageIdSchema,
  listMessagesQuerySchema,
  messageAnswerSchema,
  messageListSchema,
  sessionIdSchema,
  textUpTo,
  type SendMessage,
} from "@whatsapp-engine/contract/api";
import type { MessageService } from "../../outbox/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { answerSent, callerOf, sendResponses } from "../send-answer.ts";
import { readSendBody, registerSendBody, sendBody } from "../bodies/send-body.ts";

const params = z.object({ sessionId: sessionIdSchema });
const messageParams = params.extend({ messageId: textUpTo(64) });

export const idempotencyHeaders = z.object({
  "idempotency-key": clientMessageIdSchema
    .optional()
    .meta({ description: "Does the same as the caller's own id in the body" }),
});

const send = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/send",
  summary: "Send a message and wait for its outcome, or have it sent later",
  request: {
    params,
    headers: idempotencyHeaders.extend({
      prefer: textUpTo(255)
        .optional()
        .meta({ description: '`respond-async` does the same as "async": true' }),
    }),
    body: sendBody,
  },
  responses: sendResponses,
});

const list = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/messages",
  summary: "Messages of a session, newest first, page by page; also of a deleted one",
  request: { params, query: listMessagesQuerySchema },
  responses: {
    200: { description: "a page", content: { "application/json": { schema: messageListSchema } } },
    ...errorResponses("invalid_request", "invalid_session_id", "invalid_cursor", "invalid_phone_number"),
  },
});

const one = { description: "the message", content: { "application/json": { schema: messageAnswerSchema } } };

const get = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/messages/{messageId}",
  summary: "What became of a message",
  request: { params: messageParams },
  responses: { 200: one, ...errorResponses("invalid_request", "invalid_session_id", "message_not_found") },
});

const cancel = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/messages/{messageId}/cancel",
  summary: "Take a message out of the line",
  request: { params: messageParams },
  responses: {
    200: one,
    ...errorResponses("invalid_request", "invalid_session_id", "message_not_found", "message_not_queued"),
  },
});

const retry = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/messages/{messageId}/retry",
  summary: "Send again, as a new message, what failed, ended or has an unknown outcome (it may arrive twice)",
  request: { params: messageParams },
  responses: {
    202: one,
    ...errorResponses(
      "invalid_request",
      "invalid_session_id",
      "message_not_found",
      "message_not_retryable",
      "session_not_found",
      "recipient_suppressed",
      "queue_full",
    ),
  },
});

/** The caller's own id from header or body. Throws where both are given and differ. */
export function withClientId<K extends "clientMessageId" | "clientBulkId">(
  name: K,
  body: Partial<Record<K, string | undefined>>,
  header: string | undefined,
): Partial<Record<K, string>> {
  const given = body[name];
  if (given !== undefined && header !== undefined && given !== header) {
    throw new AppError("invalid_request", "The request's body is not valid.", {
      details: [{ field: name, message: "differs from the header Idempotency-Key" }],
    });
  }
  const id = given ?? header;
  return (id === undefined ? {} : { [name]: id }) as Partial<Record<K, string>>;
}

const asksForAsync = (prefer: string | undefined) => /(^|,)\s*respond-async\s*(,|;|$)/i.test(prefer ?? "");

export function messageRoutes({ messages }: { messages: MessageService }) {
  const router = createRouter();
  registerSendBody(router);
  return router
    .openapi(send, async (c) => {
      const body = await readSendBody(c);
      const headers = c.req.valid("header");
      const input: SendMessage = {
        ...body,
        ...withClientId("clientMessageId", body, headers["idempotency-key"]),
        ...(asksForAsync(headers.prefer) ? { async: true } : {}),
      };
      return answerSent(c, await messages.send(c.req.valid("param").sessionId, input, callerOf(c, input)));
    })
    .openapi(list, (c) => {
      const { sessionId } = c.req.valid("param");
      return c.json({ success: true as const, ...messages.list(sessionId, c.req.valid("query")) }, 200);
    })
    .openapi(get, (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      return c.json({ success: true as const, message: messages.get(sessionId, messageId) }, 200);
    })
    .openapi(cancel, (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      return c.json({ success: true as const, message: messages.cancel(sessionId, messageId) }, 200);
    })
    .openapi(retry, async (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      return c.json({ success: true as const, message: await messages.retry(sessionId, messageId) }, 202);
    });
}
