import { createRoute } from "@hono/zod-openapi";
import { healthAnswerSchema, readyAnswerSchema, type SessionStatus } from "@whatsapp-engine/contract/api";
import { createRouter } from "../context.ts";
import { openErrorResponses } from "../errors.ts";

export type Health = {
  uptimeSeconds(): number;
  sessions(): Record<SessionStatus, number>;
  warmRunners(): { ready: number; starting: number };
  /** Throws `database_unavailable` or `runtime_unavailable`. */
  ready(): Promise<void>;
};

const health = createRoute({
  method: "get",
  path: "/health",
  summary: "The process answers",
  security: [],
  "x-rate-limit": false,
  responses: {
    200: { description: "ok", content: { "application/json": { schema: healthAnswerSchema } } },
    ...openErrorResponses("ip_not_allowed", "database_unavailable", "internal_error"),
  },
});

const ready = createRoute({
  method: "get",
  path: "/health/ready",
  summary: "Database and runtime answer",
  security: [],
  "x-rate-limit": false,
  responses: {
    200: { description: "ready", content: { "application/json": { schema: readyAnswerSchema } } },
    ...openErrorResponses("ip_not_allowed", "runtime_unavailable", "database_unavailable", "shutting_down"),
  },
});

export const healthRoutes = ({
  health: state,
  settings,
}: {
  health: Health;
  settings: { version: string };
}) =>
  createRouter()
    .openapi(health, (c) =>
      c.json(
        {
          success: true as const,
          status: "ok" as const,
          version: settings.version,
          uptimeSeconds: state.uptimeSeconds(),
          sessions: state.sessions(),
          warmRunners: state.warmRunners(),
        },
        200,
      ),
    )
    .openapi(ready, async (c) => {
      await state.ready();
      return c.json({ success: true as const, status: "ready" as const }, 200);
    });
