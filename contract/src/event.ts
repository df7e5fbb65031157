import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";

/** What an application can be told of. The part before the dot is what it is about. */
export const eventTypes = [
  "session.created",
  "session.status",
  "session.deleted",
  "message.status",
  "message.received",
  "message.reaction",
  "message.edited",
  "message.revoked",
  "call.received",
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
