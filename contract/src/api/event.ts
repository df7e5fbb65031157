import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";

/** What an application can be told of. The part before the dot is what it is about. */
export const eventTypes = [
  "session.created",
  "session.status",
  "session.limit",
  "session.deleted",
  "message.status",
  "message.received",
  "message.reaction",
  "message.edited",
  "message.revoked",
  "call.received",
  "bulk.finished",
  "suppression.added",
  "whatsapp.build_rejected",
] as const;
export const eventTypeSchema = z.enum(eventTypes);
export type EventType = z.infer<typeof eventTypeSchema>;

/** Something that happened, stored once. `id` grows over all sessions, `seq` from 1 without gaps in each. */
export const eventSchema = z
  .object({
    id: z.number().int(),
    sessionId: sessionIdSchema,
    seq: z.number().int(),
    type: eventTypeSchema,
    at: z.iso.datetime(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Event" });
export type Event = z.infer<typeof eventSchema>;

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
