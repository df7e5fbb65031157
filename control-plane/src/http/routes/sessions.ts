import { createRoute, z } from "@hono/zod-openapi";
import {
  createSessionSchema,
  listSessionsQuerySchema,
  sessionAnswerSchema,
  sessionIdSchema,
  sessionListSchema,
  sessionStatusAnswerSchema,
} from "@whatsapp-engine/contract";
import type { SessionService } from "../../sessions/service.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const params = z.object({ sessionId: sessionIdSchema });

const create = (path: "/sessions" | "/sessions/create") =>
  createRoute({
    method: "post",
    path,
    summary: "Create a session and start it; the same id again answers the same session",
    request: { body: { required: true, content: { "application/json": { schema: createSessionSchema } } } },
    responses: {
      201: { description: "created", content: { "application/json": { schema: sessionAnswerSchema } } },
      200: { description: "it was there", content: { "application/json": { schema: sessionAnswerSchema } } },
      ...errorResponses(
        "invalid_request",
        "invalid_json",
        "invalid_phone_number",
        "session_conflict",
        "unsupported_media_type",
        "capacity_exceeded",
        "runtime_unavailable",
      ),
    },
  });

const list = createRoute({
  method: "get",
  path: "/sessions",
  summary: "Sessions in order of creation, page by page",
  request: { query: listSessionsQuerySchema },
  responses: {
    200: { description: "a page", content: { "application/json": { schema: sessionListSchema } } },
    ...errorResponses("invalid_request", "invalid_cursor"),
  },
});

const status = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/status",
  summary: "Where a session stands",
  request: { params },
  responses: {
    200: {
      description: "the session",
      content: { "application/json": { schema: sessionStatusAnswerSchema } },
    },
    ...errorResponses("invalid_session_id", "session_not_found"),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/sessions/{sessionId}",
  summary: "Log out where possible and remove container and login; messages stay in the history",
  request: { params },
  responses: {
    200: {
      description: "removed",
      content: {
        "application/json": { schema: z.object({ success: z.literal(true), sessionId: sessionIdSchema }) },
      },
    },
    ...errorResponses("invalid_session_id", "session_not_found", "runtime_unavailable"),
  },
});

export function sessionRoutes({ sessions }: { sessions: SessionService }) {
  const router = createRouter();
  for (const path of ["/sessions/create", "/sessions"] as const) {
    router.openapi(create(path), async (c) => {
      const { created, session } = await sessions.create(c.req.valid("json"));
      return c.json({ success: true as const, session }, created ? 201 : 200);
    });
  }
  return router
    .openapi(list, (c) => c.json({ success: true as const, ...sessions.list(c.req.valid("query")) }, 200))
    .openapi(status, (c) =>
      c.json({ success: true as const, ...sessions.get(c.req.valid("param").sessionId) }, 200),
    )
    .openapi(remove, async (c) => {
      const { sessionId } = c.req.valid("param");
      await sessions.remove(sessionId);
      return c.json({ success: true as const, sessionId }, 200);
    });
}
