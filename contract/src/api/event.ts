import { z } from "zod";
import { sessionLimitSchema } from "./account-limit.ts";
import { locationSchema } from "./content.ts";
import { sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";
import { messageSchema, messageStatusSchema } from "./message.ts";
import { sessionReasonSchema, sessionStatusSchema } from "./session.ts";
import { suppressionSchema } from "./suppression.ts";

/** What every event has. `id` grows over all sessions, `seq` from 1 without gaps in each. */
const head = {
  id: z.number().int(),
  sessionId: sessionIdSchema,
  seq: z.number().int(),
  at: z.iso.datetime(),
};

/** `session.status` → `SessionStatusEvent`. */
const nameOf = (type: string) =>
  `${type.replaceAll(/(?:^|[._])([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`;

const event = <Type extends string, Data extends z.ZodType>(type: Type, data: Data) =>
  z.object({ ...head, type: z.literal(type), data }).meta({ id: nameOf(type) });

const name = z.string().nullable().meta({ description: "What people call the session" });
const whatsappId = z.string().meta({ description: "WhatsApp's id of the message" });
const whatsappTime = z.iso.datetime().meta({ description: "When it happened, by WhatsApp's clock" });

/** Of what somebody else did. */
const theirs = {
  phoneNumber: z.string().nullable().meta({
    description: "Digits of who did it; null where WhatsApp tells only a LID",
  }),
  timestamp: whatsappTime,
};
/** Of a message that somebody else wrote. */
const theirMessage = {
  ...theirs,
  whatsappId,
  chatId: z.string(),
  from: z.string().meta({ description: "The chat; in a group `author` is who wrote" }),
  author: z.string().nullable(),
};

/**
 * Something that happened, stored once, with what an application is told of it. The part of `type` before the dot is what
 * it is about.
 */
export const eventSchema = z
  .discriminatedUnion("type", [
    event("session.created", z.object({ name })),
    event(
      "session.status",
      z.object({ name, status: sessionStatusSchema, reason: sessionReasonSchema.nullable() }),
    ),
    event(
      "session.limit",
      z.object({
        limit: sessionLimitSchema.nullable().meta({
          description: "What WhatsApp keeps the account from; null: that is over",
        }),
      }),
    ),
    event("session.deleted", z.object({})),
    event(
      "message.status",
      messageSchema.pick({
        messageId: true,
        clientMessageId: true,
        bulkId: true,
        to: true,
        type: true,
        status: true,
        waitsFor: true,
        whatsappId: true,
        error: true,
        timestamp: true,
      }),
    ),
    event(
      "message.received",
      z.object({
        ...theirMessage,
        type: z.string().meta({
          description: "As in a message that is sent; any other kind has WhatsApp's own name",
          example: "text",
        }),
        pushName: z.string().nullable().meta({ description: "The name that its writer goes by" }),
        isGroup: z.boolean(),
        body: z.string().meta({
          description: "Text or caption; a contact's vCard, a place's name, a poll's question",
        }),
        hasMedia: z.boolean(),
        mimetype: z.string().nullable(),
        filename: z.string().nullable(),
        quotedId: z.string().nullable().meta({ description: "The message that it answers: its WhatsApp id" }),
        location: locationSchema.pick({ latitude: true, longitude: true }).nullable(),
      }),
    ),
    event(
      "message.reaction",
      z.object({
        ...theirs,
        whatsappId,
        messageId: z.string().nullable().meta({ description: "The same, if this session sent it here" }),
        chatId: z.string(),
        from: z.string().meta({ description: "Who reacted" }),
        emoji: z.string().meta({ description: "Empty: taken back" }),
      }),
    ),
    event("message.edited", z.object({ ...theirMessage, body: z.string() })),
    event("message.revoked", z.object(theirMessage)),
    event(
      "call.received",
      z.object({
        ...theirs,
        callId: z.string(),
        from: z.string(),
        isVideo: z.boolean(),
        isGroup: z.boolean(),
      }),
    ),
    event(
      "bulk.finished",
      z.object({
        bulkId: z.string(),
        clientBulkId: z.string().nullable(),
        total: z.number().int(),
        counts: z.partialRecord(messageStatusSchema, z.number().int()).meta({
          description: "How many of its messages came to which end",
        }),
      }),
    ),
    event(
      "suppression.added",
      suppressionSchema.pick({ recipient: true, source: true, note: true }).extend({
        whatsappId: z.string().nullable().meta({ description: "The message by which the person asked" }),
      }),
    ),
    event(
      "whatsapp.build_rejected",
      z.object({
        whatsappVersion: z.string(),
        why: z.string().meta({ description: "For people" }),
        returnsTo: z.string().nullable().meta({
          description: "The build that the session goes back to; null: whatever WhatsApp serves",
        }),
      }),
    ),
  ])
  .meta({ id: "Event" });
export type Event = z.infer<typeof eventSchema>;

export type EventType = Event["type"];
export const eventTypes = eventSchema.options.map(({ shape }) => shape.type.value) as [
  EventType,
  ...EventType[],
];
export const eventTypeSchema = z.enum(eventTypes);

/** What is told with an event of this type. */
export type EventData<Type extends EventType = EventType> = Extract<Event, { type: Type }>["data"];

/** Event types as a query says them: separated by commas. */
const typesSchema = textUpTo(1_000)
  .transform((text, ctx) => {
    const parsed = z.array(eventTypeSchema).min(1).safeParse(text.split(","));
    if (parsed.success) return parsed.data;
    ctx.addIssue({ code: "custom", message: `must be of ${eventTypes.join(", ")}, separated by commas` });
    return z.NEVER;
  })
  .meta({ description: "Only these types, separated by commas", example: "message.status,session.status" });

export const listEventsQuerySchema = z.object({
  after: z.coerce.number().int().min(0).optional().meta({
    description:
      "Events after the one with this id; 0: from the oldest kept. Left out: a page begins with the oldest kept, a stream with what happens from now on",
  }),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  types: typesSchema.optional(),
});
export type ListEventsQuery = z.infer<typeof listEventsQuerySchema>;

export const eventPageSchema = z.object({
  success: z.literal(true),
  events: z.array(eventSchema),
  nextCursor: z.number().int().nullable().meta({ description: "`after` of the next page; null on the last" }),
  position: z.number().int().meta({
    description: "Up to which id was looked; give it as `after` to ask later for what is new",
  }),
  missed: z.boolean().meta({
    description:
      "Events after `after` are no longer kept, or `after` is of another database: do not rely on having all",
  }),
});
export type EventPage = Omit<z.infer<typeof eventPageSchema>, "success">;

/** In a stream: what came after the point asked for is no longer kept, or the point is of another database. */
export const MISSED_EVENTS = "events.missed";
