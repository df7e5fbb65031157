import { createRoute, z } from "@hono/zod-openapi";
import { sessionIdSchema } from "@whatsapp-engine/contract/api";
import type { Screenshot } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const route = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/screenshot",
  summary: "What the session's browser shows now",
  description:
    "Shows private chats, or the code by which the account can be linked: for whoever looks after the session, and for nobody else. It is never cached or kept.",
  request: { params: z.object({ sessionId: sessionIdSchema }) },
  responses: {
    200: {
      description: "the picture",
      content: { "image/png": { schema: { type: "string", format: "binary" } } },
    },
    ...errorResponses(
      "invalid_session_id",
      "session_not_found",
      "screenshot_not_available",
      "runner_unavailable",
      "runtime_unavailable",
    ),
  },
});

export const screenshotRoutes = ({ screenshot }: { screenshot: Screenshot }) =>
  createRouter().openapi(route, async (c) => {
    const png = await screenshot(c.req.valid("param").sessionId);
    return c.body(png, 200, { "Content-Type": "image/png", "Cache-Control": "no-store" });
  });
