import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  blastSessionSchema,
  sessionAnswerSchema,
  sessionIdSchema,
  textUpTo,
  type SendMessage,
} from "@whatsapp-engine/contract/api";
import type { MessageService } from "../../outbox/index.ts";
import type { SessionService } from "../../sessions/index.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { errorResponses, openErrorResponses } from "../errors.ts";
import { answerSent, callerOf, sendResponses } from "../send-answer.ts";
import { readSendBody, sendBody } from "../bodies/send-body.ts";
import { tags } from "./tags.ts";

/*
 * Calls as the WA Blast application makes them, which was there before this engine and cannot be changed for it. They only
 * translate: what they do, calls of our own do too.
 */

const params = z.object({ sessionId: sessionIdSchema });
const aliveSchema = z.object({ success: z.literal(true), status: z.enum(["ok", "starting"]) });
const alive = { description: "ok", content: { "application/json": { schema: aliveSchema } } };

const ping = createRoute({
  method: "get",
  path: "/ping",
  tags,
  summary: "The process answers; as GET /health",
  security: [],
  "x-rate-limit": false,
  responses: { 200: alive, ...openErrorResponses("ip_not_allowed") },
});

const status = createRoute({
  method: "get",
  path: "/status",
  tags,
  summary: "The engine answers, and the key is right",
  responses: { 200: alive, ...errorResponses() },
});

const reconnect = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/reconnect",
  tags,
  summary: "Start a session that does not run, whatever stopped it; one that runs or starts is left alone",
  description:
    "Body and `fresh` change nothing: a login is never thrown away, and where it is gone a new code is shown.",
  request: { params, query: z.object({ fresh: textUpTo(16).optional() }) },
  responses: {
    200: {
      description: "the session",
      content: {
        "application/json": {
          schema: sessionAnswerSchema.extend({ data: blastSessionSchema.extend({ message: z.string() }) }),
        },
      },
    },
    ...errorResponses("invalid_session_id", "session_not_found", "runtime_unavailable", "capacity_exceeded"),
  },
});

const sendSimple = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/send-simple",
  tags,
  summary: "Send a text; as POST …/send",
  request: { params, body: sendBody },
  responses: sendResponses,
});

const sendMedia = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/send-media",
  tags,
  summary: "Send a file, `message` being its caption; as POST …/send with a form",
  description: "Audio with a caption goes out as a document, since WhatsApp shows none beside audio.",
  request: { params, body: sendBody },
  responses: sendResponses,
});

/** Needs no key. */
export const blastPing = () =>
  createRouter().openapi(ping, (c) => c.json({ success: true as const, status: "ok" as const }, 200));

export const blastRoutes = ({
  sessions,
  messages,
}: {
  sessions: SessionService;
  messages: MessageService;
}) => {
  const send = (c: Context<AppEnv>, sessionId: string, input: SendMessage) =>
    messages.send(sessionId, input, callerOf(c, input));
  return createRouter()
    .openapi(status, (c) => c.json({ success: true as const, status: "ok" as const }, 200))
    .openapi(reconnect, async (c) => {
      const session = await sessions.reconnect(c.req.valid("param").sessionId);
      const { status: standing, reason } = session;
      const message = `The session is ${standing}${reason ? ` (${reason})` : ""}.`;
      return c.json({ success: true as const, session, data: { status: standing, reason, message } }, 200);
    })
    .openapi(sendSimple, async (c) =>
      answerSent(c, await send(c, c.req.valid("param").sessionId, await readSendBody(c))),
    )
    .openapi(sendMedia, async (c) =>
      answerSent(
        c,
        await send(c, c.req.valid("param").sessionId, await readSendBody(c, captionedAudioAsDocument)),
      ),
    );
};

const captionedAudioAsDocument = (fields: Record<string, unknown>) =>
  fields["type"] === "audio" && fields["message"] !== undefined ? { ...fields, type: "document" } : fields;
