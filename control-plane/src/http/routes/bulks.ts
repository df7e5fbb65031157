import { createRoute, z } from "@hono/zod-openapi";
import {
  bulkAcceptedSchema,
  bulkAnswerSchema,
  sendBulkSchema,
  sessionIdSchema,
} from "@whatsapp-engine/contract";
import type { BulkService } from "../../messages/bulks.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { idempotencyHeaders, withClientId } from "./messages.ts";

const params = z.object({ sessionId: sessionIdSchema });
const bulkParams = params.extend({ bulkId: z.string().max(64) });
const path = "/sessions/{sessionId}/messages/bulk" as const;

const create = createRoute({
  method: "post",
  path,
  summary: "One message to many: all are accepted or none, each has its own outcome",
  request: {
    params,
    headers: idempotencyHeaders,
    body: { required: true, content: { "application/json": { schema: sendBulkSchema } } },
  },
  responses: {
    202: { description: "accepted", content: { "application/json": { schema: bulkAcceptedSchema } } },
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "invalid_session_id",
      "invalid_media",
      "media_url_refused",
      "session_not_found",
      "idempotency_conflict",
      "body_too_large",
      "media_too_large",
      "unsupported_media_type",
      "media_unreachable",
      "queue_full",
    ),
  },
});

const answer = { description: "the bulk", content: { "application/json": { schema: bulkAnswerSchema } } };

const get = createRoute({
  method: "get",
  path: `${path}/{bulkId}`,
  summary: "How far a bulk is (its messages: GET …/messages?bulkId=)",
  request: { params: bulkParams },
  responses: { 200: answer, ...errorResponses("invalid_request", "invalid_session_id", "bulk_not_found") },
});

const verbs = {
  pause: "Hold back what has not gone out yet",
  resume: "Go on with a paused bulk",
  cancel: "End a bulk: what has not gone out yet never will",
} as const;

const verb = (name: keyof typeof verbs) =>
  createRoute({
    method: "post",
    path: `${path}/{bulkId}/${name}`,
    summary: verbs[name],
    request: { params: bulkParams },
    responses: {
      200: answer,
      ...errorResponses("invalid_request", "invalid_session_id", "bulk_not_found", "bulk_ended"),
    },
  });

export function bulkRoutes({ bulks }: { bulks: BulkService }) {
  const router = createRouter()
    .openapi(create, async (c) => {
      const body = c.req.valid("json");
      const headers = c.req.valid("header");
      const input = { ...body, ...withClientId("clientBulkId", body, headers["idempotency-key"]) };
      const made = await bulks.create(c.req.valid("param").sessionId, input);
      return c.json({ success: true as const, ...made }, 202);
    })
    .openapi(get, (c) => {
      const { sessionId, bulkId } = c.req.valid("param");
      return c.json({ success: true as const, bulk: bulks.get(sessionId, bulkId) }, 200);
    });
  for (const name of ["pause", "resume", "cancel"] as const) {
    router.openapi(verb(name), (c) => {
      const { sessionId, bulkId } = c.req.valid("param");
      return c.json({ success: true as const, bulk: bulks[name](sessionId, bulkId) }, 200);
    });
  }
  return router;
}
