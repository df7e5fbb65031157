import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";
import { sendOptions } from "./send-options.ts";

/** Kinds of message that can be sent. */
export const messageTypes = ["text", "image", "document"] as const;
export const messageTypeSchema = z.enum(messageTypes);
export type MessageType = z.infer<typeof messageTypeSchema>;

/**
 * Where an outbound message stands. `queued`: accepted, waits for its turn; `sending`: handed to the session's runner;
 * `sent`: WhatsApp's server took it (ack 1); `delivered`, `read`: acks 2 and 3 or more; `failed`: proven not sent;
 * `unknown`: cannot be known, and is never sent again by itself; `expired`, `cancelled`: not sent, and never will be.
 */
export const messageStatuses = [
  "queued",
  "sending",
  "sent",
  "delivered",
  "read",
  "failed",
  "unknown",
  "expired",
  "cancelled",
] as const;
export const messageStatusSchema = z.enum(messageStatuses);
export type MessageStatus = z.infer<typeof messageStatusSchema>;

/** WhatsApp's own limit for a text, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 65_536;

export const mediaSchema = z
  .strictObject({
    base64: z.string().min(1).optional().meta({ description: "The bytes, base64; a data URL is taken too" }),
    url: z.string().max(2048).optional().meta({ description: "http(s) address the engine fetches" }),
    mimetype: z.string().max(127).optional().meta({ example: "application/pdf" }),
    filename: z.string().min(1).max(255).optional(),
  })
  .refine((media) => (media.base64 === undefined) !== (media.url === undefined), {
    message: "give exactly one of base64 and url",
  });

export const recipientSchema = z.string().min(1).max(64).meta({
  description: "Phone number in any usual form, or a chat id (…@c.us, …@g.us, …@lid)",
  example: "6281234567890",
});

/** What a message is made of, and how and when it goes out. */
export const sendMessageFields = {
  to: recipientSchema,
  type: messageTypeSchema.default("text"),
  message: z.string().max(MAX_TEXT_LENGTH).optional(),
  media: mediaSchema.optional(),
  caption: z.string().max(MAX_TEXT_LENGTH).optional(),
  ...sendOptions,
};

export const sendMessageSchema = z
  .strictObject(sendMessageFields)
  .check((ctx) => {
    const { type, message, media } = ctx.value;
    const miss = (field: string, text: string) =>
      ctx.issues.push({ code: "custom", path: [field], message: text, input: ctx.value });
    if (type === "text") {
      if (message === undefined || message.trim() === "") miss("message", "a text message needs a text");
      if (media !== undefined) miss("media", "a text message takes no media; set type to image or document");
    } else if (media === undefined) {
      miss("media", `a message of type ${type} needs media`);
    }
  })
  .meta({ id: "SendMessage" });
export type SendMessage = z.infer<typeof sendMessageSchema>;

const time = z.iso.datetime().nullable();

export const messageSchema = z
  .object({
    messageId: z.string(),
    sessionId: sessionIdSchema,
    clientMessageId: z.string().nullable(),
    bulkId: z.string().nullable(),
    to: z.string().meta({ description: "Digits, or a chat id" }),
    type: messageTypeSchema,
    /** Text or caption. */
    text: z.string().nullable(),
    status: messageStatusSchema,
    whatsappId: z.string().nullable().meta({ description: "WhatsApp's id of the message" }),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    /** How often it was handed to the session's runner. */
    attempts: z.number().int(),
    timestamp: time.meta({ description: "When WhatsApp took it" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    scheduledAt: time,
    expiresAt: time,
    deliveredAt: time,
    readAt: time,
  })
  .meta({ id: "Message" });
export type Message = z.infer<typeof messageSchema>;

/** `200`: WhatsApp's server took it. */
export const sentAnswerSchema = z.object({
  success: z.literal(true),
  messageId: z.string(),
  status: messageStatusSchema,
  whatsappId: z.string().nullable(),
  timestamp: time,
});

/** `202`: accepted and not settled yet, or its outcome is unknown; the message's present status. */
export const pendingAnswerSchema = sentAnswerSchema.extend({ message: messageSchema });

export const messageAnswerSchema = z.object({ success: z.literal(true), message: messageSchema });

export const listMessagesQuerySchema = z.object({
  status: messageStatusSchema.optional(),
  to: z.string().max(64).optional(),
  bulkId: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(256).optional(),
});
export type ListMessagesQuery = z.infer<typeof listMessagesQuerySchema>;

export const messageListSchema = z.object({
  success: z.literal(true),
  messages: z.array(messageSchema),
  nextCursor: z.string().nullable(),
});
