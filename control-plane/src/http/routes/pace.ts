import { createRoute, z } from "@hono/zod-openapi";
import { changePaceSchema, paceAnswerSchema, sessionIdSchema } from "@whatsapp-engine/contract/api";
import { iso, type Clock } from "../../lib/clock.ts";
import type { Pace } from "../../outbox/index.ts";
import type { SessionService } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const params = z.object({ sessionId: sessionIdSchema });
const answer = {
  description: "the limits that hold",
  content: { "application/json": { schema: paceAnswerSchema } },
};

const read = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/pace",
  summary: "How fast the session's messages may go out",
  request: { params },
  responses: { 200: answer, ...errorResponses("invalid_session_id", "session_not_found") },
});

const change = createRoute({
  method: "put",
  path: "/sessions/{sessionId}/pace",
  summary:
    "Give the session limits of its own; what is left out stays, null is as the settings say, 0 is no limit",
  request: {
    params,
    body: { required: true, content: { "application/json": { schema: changePaceSchema } } },
  },
  responses: {
    200: answer,
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "invalid_session_id",
      "session_not_found",
      "unsupported_media_type",
    ),
  },
});

export function paceRoutes({
  sessions,
  pace,
  onPaceChanged,
  clock,
}: {
  sessions: Pick<SessionService, "get">;
  pace: Pace;
  /** What waits for its turn may go sooner now. */
  onPaceChanged: (sessionId: string) => void;
  clock: Clock;
}) {
  const toAnswer = (sessionId: string) => {
    const readyAt = pace.readyAt(sessionId);
    return {
      success: true as const,
      sessionId,
      pace: pace.limitsOf(sessionId),
      own: pace.ownLimits(sessionId),
      nextAt: readyAt > clock.now() ? iso(readyAt) : null,
    };
  };
  return createRouter()
    .openapi(read, (c) => {
      const { sessionId } = sessions.get(c.req.valid("param").sessionId);
      return c.json(toAnswer(sessionId), 200);
    })
    .openapi(change, (c) => {
      const { sessionId } = sessions.get(c.req.valid("param").sessionId);
      pace.setLimits(sessionId, c.req.valid("json"));
      onPaceChanged(sessionId);
      return c.json(toAnswer(sessionId), 200);
    });
}
