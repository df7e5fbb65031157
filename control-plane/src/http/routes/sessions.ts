import { createRoute, z } from "@hono/zod-openapi";
import {
  createSessionSchema,
  listSessionsQuerySchema,
  logoutAnswerSchema,
  sessionAnswerSchema,
  sessionIdSchema,
  sessionListSchema,
  sessionStatusAnswerSchema,
  updateSessionSchema,
} from "@whatsapp-engine/contract/api";
import type { SessionService } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const params = z.object({ sessionId: sessionIdSchema });
const answersSession = {
  200: { description: "the session", content: { "application/json": { schema: sessionAnswerSchema } } },
};

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

const get = createRoute({
  method: "get",
  path: "/sessions/{sessionId}",
  summary: "A session",
  request: { params },
  responses: { ...answersSession, ...errorResponses("invalid_session_id", "session_not_found") },
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

const VERB_ERRORS = ["invalid_session_id", "session_not_found", "runtime_unavailable"] as const;

const start = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/start",
  summary: "Start a session that was stopped or had ended; one that runs stays as it is",
  request: { params },
  responses: { ...answersSession, ...errorResponses(...VERB_ERRORS, "capacity_exceeded") },
});

const stop = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/stop",
  summary:
    "Close its browser and free its memory; the login stays, and messages wait in line until it is started",
  request: { params },
  responses: { ...answersSession, ...errorResponses(...VERB_ERRORS) },
});

const restart = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/restart",
  summary: "Replace its container by a fresh one with the same login; a stopped session is started",
  request: { params },
  responses: { ...answersSession, ...errorResponses(...VERB_ERRORS, "capacity_exceeded") },
});

const hibernate = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/hibernate",
  summary: "Close its browser and free its memory until a message goes out or it is started; the login stays",
  description: "What comes in meanwhile is told when it is awake again.",
  request: { params },
  responses: {
    ...answersSession,
    ...errorResponses(...VERB_ERRORS, "session_not_connected", "session_busy"),
  },
});

const update = createRoute({
  method: "patch",
  path: "/sessions/{sessionId}",
  summary: "Change a session's settings",
  request: {
    params,
    body: { required: true, content: { "application/json": { schema: updateSessionSchema } } },
  },
  responses: {
    ...answersSession,
    ...errorResponses("invalid_request", "invalid_json", "invalid_session_id", "session_not_found"),
  },
});

const logout = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/logout",
  summary: "Unlink the account where WhatsApp answers, and delete the login; session and messages stay",
  description:
    "A session that does not run is started for it, without sending anything. `unlinked` and the session's `detail` say what is known of the link at WhatsApp. After `runner_unavailable` it is not known what was done; calling again does no harm.",
  request: { params },
  responses: {
    200: {
      description: "the login is deleted",
      content: { "application/json": { schema: logoutAnswerSchema } },
    },
    ...errorResponses(...VERB_ERRORS, "runner_unavailable"),
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
    .openapi(get, (c) =>
      c.json({ success: true as const, session: sessions.get(c.req.valid("param").sessionId) }, 200),
    )
    .openapi(status, (c) => {
      const session = sessions.get(c.req.valid("param").sessionId);
      const data = { status: session.status, reason: session.reason };
      return c.json({ success: true as const, ...session, data }, 200);
    })
    .openapi(remove, async (c) => {
      const { sessionId } = c.req.valid("param");
      await sessions.remove(sessionId);
      return c.json({ success: true as const, sessionId }, 200);
    })
    .openapi(start, async (c) => {
      const session = await sessions.start(c.req.valid("param").sessionId);
      return c.json({ success: true as const, session }, 200);
    })
    .openapi(stop, async (c) => {
      const session = await sessions.stop(c.req.valid("param").sessionId);
      return c.json({ success: true as const, session }, 200);
    })
    .openapi(restart, async (c) => {
      const session = await sessions.restart(c.req.valid("param").sessionId);
      return c.json({ success: true as const, session }, 200);
    })
    .openapi(hibernate, async (c) => {
      const session = await sessions.hibernate(c.req.valid("param").sessionId);
      return c.json({ success: true as const, session }, 200);
    })
    .openapi(update, (c) => {
      const session = sessions.update(c.req.valid("param").sessionId, c.req.valid("json"));
      return c.json({ success: true as const, session }, 200);
    })
    .openapi(logout, async (c) => {
      const answer = await sessions.logout(c.req.valid("param").sessionId);
      return c.json({ success: true as const, ...answer }, 200);
    });
}
