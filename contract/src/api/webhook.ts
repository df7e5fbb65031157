import { z } from "zod";
import { eventTypeSchema } from "./event.ts";
import { sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";

/** `waiting`: for its first or next attempt; `delivered`; `dead`: given up, kept, and can be sent again. */
export const deliveryStates = ["waiting", "delivered", "dead"] as const;
export const deliveryStateSchema = z.enum(deliveryStates);
export type DeliveryState = z.infer<typeof deliveryStateSchema>;

/** What the body of a test call has as its `type`. */
export const WEBHOOK_TEST_EVENT = "webhook.test";

/** Bytes of a key, as Standard Webhooks 1.0 asks for. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

const isSecret = (text: string) => {
  const base64 = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text)?.[1];
  if (base64 === undefined) return false;
  const bytes = (base64.replace(/={1,2}$/, "").length * 3) / 4;
  return bytes >= MIN_SECRET_BYTES && Math.floor(bytes) <= MAX_SECRET_BYTES;
};

const urlSchema = textUpTo(2_048).meta({
  description: "http or https, without user name and password",
  example: "https://example.com/hook",
});
const eventsSchema = z.array(eventTypeSchema).min(1).nullable().meta({ description: "null: all events" });
const ofSessionSchema = sessionIdSchema.nullable().meta({
  description: "Events of this session only, which need not exist yet; null: of all sessions",
});
const isoTime = z.iso.datetime();

export const webhookSchema = z
  .object({
    webhookId: z.string(),
    url: urlSchema,
    events: eventsSchema,
    sessionId: ofSessionSchema,
    enabled: z.boolean(),
    formerSecretUntil: isoTime.nullable().meta({
      description: "Until then the secret before the last rotation signs too",
    }),
    createdAt: isoTime,
    updatedAt: isoTime,
  })
  .meta({ id: "Webhook" });
export type Webhook = z.infer<typeof webhookSchema>;

export const createWebhookSchema = z
  .strictObject({
    url: urlSchema,
    events: eventsSchema.default(null),
    sessionId: ofSessionSchema.default(null),
    secret: textUpTo(128)
      .refine(isSecret, `must be whsec_ and ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes in base64`)
      .optional()
      .meta({ description: "The key that signs; left out: one is made" }),
  })
  .meta({ id: "CreateWebhook" });
export type CreateWebhook = z.infer<typeof createWebhookSchema>;

export const changeWebhookSchema = z
  .strictObject({ url: urlSchema, events: eventsSchema, sessionId: ofSessionSchema, enabled: z.boolean() })
  .partial()
  .meta({ id: "ChangeWebhook", description: "What is left out stays as it is" });
export type ChangeWebhook = z.infer<typeof changeWebhookSchema>;

export const listWebhooksQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: textUpTo(200).optional().meta({ description: "`nextCursor` of the page before" }),
});
export type ListWebhooksQuery = z.infer<typeof listWebhooksQuerySchema>;

const nextCursor = z.string().nullable().meta({ description: "null on the last page" });

export const webhookAnswerSchema = z.object({ success: z.literal(true), webhook: webhookSchema });
export const webhookListSchema = z.object({
  success: z.literal(true),
  webhooks: z.array(webhookSchema),
  nextCursor,
});
export const webhookSecretAnswerSchema = webhookAnswerSchema.extend({
  secret: z.string().meta({ description: "Said this once; it verifies the signatures" }),
});

export const webhookTestAnswerSchema = z.object({
  success: z.literal(true),
  delivered: z.boolean(),
  status: z.number().int().nullable().meta({ description: "What the receiver answered; null: it did not" }),
  error: z.string().nullable().meta({ description: "Why it does not count as delivered" }),
  body: z.string().nullable().meta({ description: "The beginning of its answer" }),
  ms: z.number().int().meta({ description: "How long it took, in milliseconds" }),
});

export const deliverySchema = z
  .object({
    deliveryId: z.string().meta({ description: "The header webhook-id; the same at every attempt" }),
    eventId: z.number().int(),
    sessionId: sessionIdSchema,
    type: eventTypeSchema,
    state: deliveryStateSchema,
    attempts: z.number().int(),
    nextAttemptAt: isoTime.nullable().meta({
      description: "Not before this time; and not before what waits ahead of it in the same session",
    }),
    lastStatus: z.number().int().nullable(),
    lastError: z.string().nullable(),
    createdAt: isoTime,
    updatedAt: isoTime,
  })
  .meta({ id: "Delivery" });
export type Delivery = z.infer<typeof deliverySchema>;

export const listDeliveriesQuerySchema = listWebhooksQuerySchema.extend({
  state: deliveryStateSchema.optional().meta({ description: "Left out: all" }),
});
export type ListDeliveriesQuery = z.infer<typeof listDeliveriesQuerySchema>;

export const deliveryListSchema = z.object({
  success: z.literal(true),
  deliveries: z.array(deliverySchema),
  nextCursor,
});
export const replayAnswerSchema = z.object({
  success: z.literal(true),
  replayed: z.number().int().meta({ description: "How many deliveries wait again" }),
});
