import { z } from "zod";
import { waitReasonSchema } from "./account-limit.ts";
import { contentFields } from "./content.ts";
import { numberAsWrittenSchema, sessionIdSchema } from "./ids.ts";
import { checkKind, messageTypeSchema, type MessageParts, type MessageType } from "./kinds.ts";
import { textUpTo } from "./long-text.ts";
import { sendOptions } from "./send-options.ts";

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

/** The largest file that MEDIA_MAX_MB can allow, 100 MB, in base64 with line breaks. */
const MAX_BASE64_LENGTH = 160_000_000;
const NOT_A_HEADER = "is not the name of a header that can be given";

const aboutMedia = {
  mimetype: textUpTo(127).optional().meta({ example: "application/pdf" }),
  filename: textUpTo(255).min(1).optional(),
};

export const mediaSchema = z
  .strictObject({
    base64: textUpTo(MAX_BASE64_LENGTH)
      .min(1)
      .optional()
      .meta({ description: "The bytes, base64; a data URL is taken too" }),
    url: textUpTo(2048).optional().meta({ description: "http(s) address the engine fetches" }),
    headers: z
      .record(
        textUpTo(64, NOT_A_HEADER).regex(
          /^(?!(?:host|connection|content-length|transfer-encoding|upgrade|expect)$)[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/i,
          NOT_A_HEADER,
        ),
        textUpTo(4_096).regex(/^[\t\x20-\x7e]*$/, "must be one line of ASCII"),
      )
      .refine((headers) => Object.keys(headers).length <= 20, { message: "must be 20 at the most" })
      .optional()
      .meta({ description: "Sent with the fetch, such as an object store's token; kept nowhere" }),
    ...aboutMedia,
  })
  .refine((media) => (media.base64 === undefined) !== (media.url === undefined), {
    message: "give exactly one of base64 and url",
  })
  .refine((media) => media.headers === undefined || media.url !== undefined, {
    path: ["headers"],
    message: "belong to a url",
  });

export const uploadSchema = z.strictObject({
  bytes: z.instanceof(Uint8Array),
  /** What the part of a form calls itself: by its sender's library, which may not have looked. */
  partType: textUpTo(1_000).optional(),
  ...aboutMedia,
});

export const recipientSchema = numberAsWrittenSchema.meta({
  description: "Phone number in any usual form, or a chat id (…@c.us, …@g.us, …@lid)",
  example: "6281234567890",
});

/** What a message is made of, and how and when it goes out. */
export const sendMessageFields = {
  to: recipientSchema,
  type: messageTypeSchema.default("text"),
  message: textUpTo(MAX_TEXT_LENGTH).optional(),
  media: mediaSchema.optional(),
  caption: textUpTo(MAX_TEXT_LENGTH).optional(),
  ...contentFields,
  ...sendOptions,
};

const partsFitKind = (ctx: z.core.ParsePayload<{ type: MessageType } & MessageParts>) => {
  for (const { field, message } of checkKind(ctx.value.type, ctx.value)) {
    ctx.issues.push({ code: "custom", path: [field], message, input: ctx.value });
  }
};

export const sendMessageSchema = z
  .strictObject(sendMessageFields)
  .check(partsFitKind)
  .meta({ id: "SendMessage" });

/** The same where the media came as bytes, beside the fields: in a multipart body. */
export const sendUploadSchema = z
  .strictObject({ ...sendMessageFields, media: uploadSchema.optional() })
  .check(partsFitKind);

/** What is to be sent, however it came. Its `media` holds one of `base64`, `url` and `bytes`. */
export type SendMessage = Omit<z.infer<typeof sendMessageSchema>, "media"> & {
  media?:
    | (z.infer<typeof mediaSchema> & Partial<Pick<z.infer<typeof uploadSchema>, "bytes" | "partType">>)
    | undefined;
};

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
    waitsFor: waitReasonSchema.nullable().meta({
      description:
        "Why a queued message does not go out though its turn has come: WhatsApp keeps the account from writing to this chat (`account_restricted`, `account_limit_reached`), or a new build of WhatsApp Web that is tried did not take it (`whatsapp_build`). It goes out when that is over",
    }),
    /** How often it was handed to the session's runner. */
    attempts: z.number().int(),
    timestamp: time.meta({ description: "When WhatsApp took it" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    scheduledAt: time,
    expiresAt: time,
    deliveredAt: time,
    readAt: time,
    editedAt: time.meta({ description: "When its text was replaced by this API; `text` is the new one" }),
    revokedAt: time.meta({ description: "When it was deleted for everyone by this API" }),
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
  repeated: z.literal(true).optional().meta({
    description:
      "Whoever asked for the same before had no answer, so that this is that message and no second one (REPEAT_SECONDS)",
  }),
  data: z
    .object({ message_id: z.string() })
    .meta({ description: "For the WA Blast application: the message's id" }),
});

/** `202`: accepted and not settled yet, or its outcome is unknown; the message's present status. */
export const pendingAnswerSchema = sentAnswerSchema.extend({ message: messageSchema });

export const messageAnswerSchema = z.object({ success: z.literal(true), message: messageSchema });

export const listMessagesQuerySchema = z.object({
  status: messageStatusSchema.optional(),
  to: textUpTo(64).optional(),
  bulkId: textUpTo(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: textUpTo(256).optional(),
});
export type ListMessagesQuery = z.infer<typeof listMessagesQuerySchema>;

export const messageListSchema = z.object({
  success: z.literal(true),
  messages: z.array(messageSchema),
  nextCursor: z.string().nullable(),
});
