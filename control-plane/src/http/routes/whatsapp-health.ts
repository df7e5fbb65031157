import { createRoute } from "@hono/zod-openapi";
import { whatsappHealthAnswerSchema, type WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const whatsappHealth = createRoute({
  method: "get",
  path: "/health/whatsapp",
  summary: "How the library and WhatsApp Web's page get on, over all sessions",
  responses: {
    200: { description: "how", content: { "application/json": { schema: whatsappHealthAnswerSchema } } },
    ...errorResponses(),
  },
});

export const whatsappHealthRoutes = (deps: { whatsappHealth: () => WhatsAppHealth }) =>
  createRouter().openapi(whatsappHealth, (c) =>
    c.json({ success: true as const, whatsapp: deps.whatsappHealth() }, 200),
  );
