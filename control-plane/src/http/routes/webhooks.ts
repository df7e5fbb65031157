import { createRoute, z } from "@hono/zod-openapi";
import {
  changeWebhookSchema,
  createWebhookSchema,
  deliveryListSchema,
  listDeliveriesQuerySchema,
  listWebhooksQuerySchema,
  replayAnswerSchema,
  textUpTo,
  webhookAnswerSchema,
  webhookListSchema,
  webhookSecretAnswerSchema,
  webhookTestAnswerSchema,
} from "@whatsapp-engine/contract/api";
import type { WebhookService } from "../../webhooks/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const params = z.object({ webhookId: textUpTo(64) });
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});

const create = createRoute({
  method: "post",
  path: "/webhooks",
  summary: "Tell a URL of what happens from now on; the answer alone holds the secret",
  request: { body: { required: true, content: { "application/json": { schema: createWebhookSchema } } } },
  responses: {
    201: json("created", webhookSecretAnswerSchema),
    ...errorResponses("invalid_request", "invalid_json", "webhook_url_refused", "unsupported_media_type"),
  },
});

const list = createRoute({
  method: "get",
  path: "/webhooks",
  summary: "Webhooks in order of creation, page by page",
  request: { query: listWebhooksQuerySchema },
  responses: {
    200: json("a page", webhookListSchema),
    ...errorResponses("invalid_request", "invalid_cursor"),
  },
});

const get = createRoute({
  method: "get",
  path: "/webhooks/{webhookId}",
  summary: "One webhook",
  request: { params },
  responses: { 200: json("the webhook", webhookAnswerSchema), ...errorResponses("webhook_not_found") },
});

const change = createRoute({
  method: "patch",
  path: "/webhooks/{webhookId}",
  summary: "Change what is given; what waits is tried at once",
  request: {
    params,
    body: { required: true, content: { "application/json": { schema: changeWebhookSchema } } },
  },
  responses: {
    200: json("the webhook", webhookAnswerSchema),
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "webhook_url_refused",
      "webhook_not_found",
      "unsupported_media_type",
    ),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/webhooks/{webhookId}",
  summary: "Remove a webhook and its deliveries",
  request: { params },
  responses: {
    200: json("removed", z.object({ success: z.literal(true), webhookId: textUpTo(64) })),
    ...errorResponses("webhook_not_found"),
  },
});

const test = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/test",
  summary: "Call the receiver right now, and say what it answered",
  request: { params },
  responses: {
    200: json("what came of it", webhookTestAnswerSchema),
    ...errorResponses("webhook_not_found"),
  },
});

const rotate = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/rotate-secret",
  summary: "Make a new secret, said this once; the former one signs too for 24 hours",
  request: { params },
  responses: {
    200: json("the new secret", webhookSecretAnswerSchema),
    ...errorResponses("webhook_not_found"),
  },
});

const deliveries = createRoute({
  method: "get",
  path: "/webhooks/{webhookId}/deliveries",
  summary: "What waits, was delivered (kept for 3 days) or given up, newest first",
  request: { params, query: listDeliveriesQuerySchema },
  responses: {
    200: json("a page", deliveryListSchema),
    ...errorResponses("invalid_request", "invalid_cursor", "webhook_not_found"),
  },
});

const replayAll = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/deliveries/replay",
  summary: "Send all dead deliveries again",
  request: { params },
  responses: { 200: json("they wait again", replayAnswerSchema), ...errorResponses("webhook_not_found") },
});

const replay = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/deliveries/{deliveryId}/replay",
  summary: "Send one dead delivery again",
  request: { params: params.extend({ deliveryId: textUpTo(64) }) },
  responses: {
    200: json("it waits again", replayAnswerSchema),
    ...errorResponses("webhook_not_found", "delivery_not_found", "delivery_not_dead"),
  },
});

export const webhookRoutes = ({ webhooks }: { webhooks: WebhookService }) =>
  createRouter()
    .openapi(create, async (c) => {
      c.header("Cache-Control", "no-store");
      return c.json({ success: true as const, ...(await webhooks.create(c.req.valid("json"))) }, 201);
    })
    .openapi(list, (c) => c.json({ success: true as const, ...webhooks.list(c.req.valid("query")) }, 200))
    .openapi(get, (c) =>
      c.json({ success: true as const, webhook: webhooks.get(c.req.valid("param").webhookId) }, 200),
    )
    .openapi(change, async (c) => {
      const webhook = await webhooks.change(c.req.valid("param").webhookId, c.req.valid("json"));
      return c.json({ success: true as const, webhook }, 200);
    })
    .openapi(remove, (c) => {
      const { webhookId } = c.req.valid("param");
      webhooks.remove(webhookId);
      return c.json({ success: true as const, webhookId }, 200);
    })
    .openapi(test, async (c) =>
      c.json({ success: true as const, ...(await webhooks.test(c.req.valid("param").webhookId)) }, 200),
    )
    .openapi(rotate, (c) => {
      c.header("Cache-Control", "no-store");
      return c.json(
        { success: true as const, ...webhooks.rotateSecret(c.req.valid("param").webhookId) },
        200,
      );
    })
    .openapi(deliveries, (c) => {
      const page = webhooks.deliveries(c.req.valid("param").webhookId, c.req.valid("query"));
      return c.json({ success: true as const, ...page }, 200);
    })
    .openapi(replayAll, async (c) => {
      const replayed = await webhooks.replayAll(c.req.valid("param").webhookId);
      return c.json({ success: true as const, replayed }, 200);
    })
    .openapi(replay, (c) => {
      const { webhookId, deliveryId } = c.req.valid("param");
      return c.json({ success: true as const, replayed: webhooks.replay(webhookId, deliveryId) }, 200);
    });
