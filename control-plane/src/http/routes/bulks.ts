import { createRoute, z } from "@hono/zod-openapi";
import {
  bulkAcceptedSchema,
  bulkAnswerSchema,
  bulkCheckAnswerSchema,
  bulkListSchema,
  listBulksQuerySchema,
  sessionIdSchema,
  textUpTo,
} from "@whatsapp-engine/contract/api";
import type { BulkService } from "../../outbox/index.ts";
import { bulkBody, readBulkBody, registerBulkBody } from "../bodies/bulk-body.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { idempotencyHeaders, withClientId } from "./messages.ts";

const params = z.object({ sessionId: sessionIdSchema });
const bulkParams = params.extend({ bulkId: textUpTo(64) });
const path = "/sessions/{sessionId}/messages/bulk" as const;

const create = createRoute({
  method: "post",
  path,
  summary: "One message to many: all are accepted or none, each has its own outcome",
  request: { params, headers: idempotencyHeaders, body: bulkBody },
  responses: {
    200: {
      description: "with `dryRun`: what would become of it",
      content: { "application/json": { schema: bulkCheckAnswerSchema } },
    },
    202: { description: "accepted", content: { "application/json": { schema: bulkAcceptedSchema } } },
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "invalid_form",
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
      "too_busy",
    ),
  },
});

const list = createRoute({
  method: "get",
  path,
  summary: "Bulks of a session, newest first, page by page; also of a deleted one",
  request: { params, query: listBulksQuerySchema },
  responses: {
    200: { description: "a page", content: { "application/json": { schema: bulkListSchema } } },
    ...errorResponses("invalid_request", "invalid_session_id", "invalid_cursor"),
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

const report = createRoute({
  method: "get",
  path: `${path}/{bulkId}/report`,
  summary: "What became of each recipient, as CSV",
  request: {
    params: bulkParams,
    query: z.object({
      delimiter: z.enum([",", ";"]).default(",").meta({
        description: "`;` where a spreadsheet takes the comma for a decimal one",
      }),
    }),
  },
  responses: {
    200: {
      description: "UTF-8 with a byte order mark, the first row naming the columns",
      content: { "text/csv": { schema: z.string() } },
    },
    ...errorResponses("invalid_request", "invalid_session_id", "bulk_not_found"),
  },
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
  const router = createRouter();
  registerBulkBody(router);
  router
    .openapi(create, async (c) => {
      const body = await readBulkBody(c);
      const { sessionId } = c.req.valid("param");
      const headers = c.req.valid("header");
      const input = { ...body, ...withClientId("clientBulkId", body, headers["idempotency-key"]) };
      if (input.dryRun)
        return c.json(
          { success: true as const, dryRun: true as const, check: await bulks.dryRun(sessionId, input) },
          200,
        );
      return c.json({ success: true as const, ...(await bulks.create(sessionId, input)) }, 202);
    })
    .openapi(list, (c) => {
      const { sessionId } = c.req.valid("param");
      return c.json({ success: true as const, ...bulks.list(sessionId, c.req.valid("query")) }, 200);
    })
    .openapi(get, (c) => {
      const { sessionId, bulkId } = c.req.valid("param");
      return c.json({ success: true as const, ...bulks.get(sessionId, bulkId) }, 200);
    })
    .openapi(report, (c) => {
      const { sessionId, bulkId } = c.req.valid("param");
      const text = bulks.report(sessionId, bulkId, c.req.valid("query").delimiter);
      c.header("Content-Disposition", `attachment; filename="bulk-${bulkId}.csv"`);
      return c.body(text, 200, { "Content-Type": "text/csv; charset=utf-8" });
    });
  for (const name of ["pause", "resume", "cancel"] as const) {
    router.openapi(verb(name), (c) => {
      const { sessionId, bulkId } = c.req.valid("param");
      bulks[name](sessionId, bulkId);
      return c.json({ success: true as const, ...bulks.get(sessionId, bulkId) }, 200);
    });
  }
  return router;
}
