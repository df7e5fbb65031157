import { createRoute } from "@hono/zod-openapi";
import { cleanupAnswerSchema, type Cleanup } from "@whatsapp-engine/contract/api";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const cleanup = createRoute({
  method: "get",
  path: "/health/cleanup",
  summary:
    "What was cleaned up since the start, what is kept though no session has it, and runners of other installations",
  responses: {
    200: { description: "what", content: { "application/json": { schema: cleanupAnswerSchema } } },
    ...errorResponses(),
  },
});

export const cleanupRoutes = (deps: { cleanup: () => Promise<Cleanup> }) =>
  createRouter().openapi(cleanup, async (c) =>
    c.json({ success: true as const, ...(await deps.cleanup()) }, 200),
  );
