import { createRoute, z } from "@hono/zod-openapi";
import {
  actionAnswerSchema,
  editMessageSchema,
  numberAnswerSchema,
  reactSchema,
  sessionIdSchema,
  textUpTo,
} from "@whatsapp-engine/contract/api";
import type { MessageActions } from "../../chats/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { answerFile } from "../file-answer.ts";

const params = z.object({
  sessionId: sessionIdSchema,
  messageId: textUpTo(200).meta({ description: "Our id of the message, or WhatsApp's" }),
});
const path = "/sessions/{sessionId}/messages/{messageId}";

const NEEDS_SESSION = [
  "invalid_session_id",
  "session_not_found",
  "session_not_connected",
  "runner_unavailable",
  "runtime_unavailable",
] as const;
const ACTS = [
  ...NEEDS_SESSION,
  "message_not_found",
  "message_not_sent",
  "action_refused",
  "outcome_unknown",
] as const;
const TAKES_BODY = ["invalid_request", "invalid_json", "body_too_large", "unsupported_media_type"] as const;

const done = {
  200: { description: "WhatsApp did it", content: { "application/json": { schema: actionAnswerSchema } } },
};

const react = createRoute({
  method: "put",
  path: `${path}/reaction`,
  summary: "React to a message, or take the reaction back",
  request: { params, body: { required: true, content: { "application/json": { schema: reactSchema } } } },
  responses: { ...done, ...errorResponses(...ACTS, ...TAKES_BODY) },
});

const edit = createRoute({
  method: "patch",
  path,
  summary: "Replace the text or the caption of a message; WhatsApp allows it for 15 minutes",
  request: {
    params,
    body: { required: true, content: { "application/json": { schema: editMessageSchema } } },
  },
  responses: { ...done, ...errorResponses(...ACTS, ...TAKES_BODY) },
});

const remove = createRoute({
  method: "delete",
  path,
  summary: "Delete a message for everyone; WhatsApp allows it for about two days",
  request: { params },
  responses: { ...done, ...errorResponses(...ACTS) },
});

const media = createRoute({
  method: "get",
  path: `${path}/media`,
  summary: "The file of a message, fetched from WhatsApp when asked for",
  request: { params },
  responses: {
    200: {
      description: "the bytes, with their type and name",
      content: { "*/*": { schema: { type: "string", format: "binary" } } },
    },
    ...errorResponses(
      ...NEEDS_SESSION,
      "message_not_found",
      "message_not_sent",
      "media_not_found",
      "media_gone",
    ),
  },
});

const checkNumber = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/contacts/{number}",
  summary: "Whether a phone number is on WhatsApp",
  request: {
    params: z.object({
      sessionId: sessionIdSchema,
      number: textUpTo(64).meta({ description: "Phone number in any usual form", example: "6281234567890" }),
    }),
  },
  responses: {
    200: { description: "asked", content: { "application/json": { schema: numberAnswerSchema } } },
    ...errorResponses(...NEEDS_SESSION, "invalid_phone_number"),
  },
});

/** In ASCII for programs that know no better, and whole (RFC 6266, 8187). */
const nameOf = (name: string): string => {
  const plain = name.replace(/[^\x20-\x7e]|["\\/]/g, "_");
  const whole = encodeURIComponent(name).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  return `; filename="${plain}"; filename*=UTF-8''${whole}`;
};

export const messageActionRoutes = ({ actions }: { actions: MessageActions }) =>
  createRouter()
    .openapi(react, async (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      const target = await actions.react(sessionId, messageId, c.req.valid("json").emoji);
      return c.json({ success: true as const, ...target }, 200);
    })
    .openapi(edit, async (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      const target = await actions.edit(sessionId, messageId, c.req.valid("json").message);
      return c.json({ success: true as const, ...target }, 200);
    })
    .openapi(remove, async (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      return c.json({ success: true as const, ...(await actions.remove(sessionId, messageId)) }, 200);
    })
    .openapi(media, async (c) => {
      const { sessionId, messageId } = c.req.valid("param");
      const { body, bytes, mimetype, filename } = await actions.media(sessionId, messageId);
      const name = filename === null ? "" : nameOf(filename);
      return answerFile(c, body, {
        // Whoever sent it named type and file: nothing of it is to be shown, or guessed at, as a page of ours.
        "Content-Type": mimetype,
        "Content-Length": String(bytes),
        "Content-Disposition": `attachment${name}`,
        "X-Content-Type-Options": "nosniff",
      });
    })
    .openapi(checkNumber, async (c) => {
      const { sessionId, number } = c.req.valid("param");
      return c.json({ success: true as const, ...(await actions.checkNumber(sessionId, number)) }, 200);
    });
