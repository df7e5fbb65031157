import { createRoute } from "@hono/zod-openapi";
import { cleanupAnswerSchema, type Cleanup } from "@whatsapp-engine/contract";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const cleanup = createRoute({
  method: "get",
  path: "/health/cleanup",
  summary: "What was cleaned up since the start, and what is kept though no session has it",
  responses: {
    200: { description: "what", content: { "application/json": { schema: cleanupAnswerSchema } } },
    ...errorResponses(),
  },
});

export const cleanupRoutes = (deps: { cleanup: () => Cleanup }) =>
  createRouter().openapi(cleanup, (c) => c.json({ success: true as const, ...deps.cleanup() }, 200));
