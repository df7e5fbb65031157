import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";

const DAY_MS = 24 * 60 * 60_000;
const limit = (max: number, description: string) => z.int().min(0).max(max).meta({ description });

/** How fast a session's messages may go out; 0: no limit. */
export const paceLimitsSchema = z
  .strictObject({
    perMinute: limit(10_000, "Messages a minute"),
    burst: z.int().min(1).max(1_000).meta({
      description: "How many of them may go out at once after a rest; counts only with perMinute",
    }),
    pauseMs: limit(DAY_MS, "Milliseconds between two messages"),
    perDay: limit(100_000, "Messages in any 24 hours"),
    recipientPauseMs: limit(DAY_MS, "Milliseconds between two messages to the same recipient"),
    recipientPerDay: limit(1_000, "Messages to the same recipient in any 24 hours"),
  })
  .meta({ id: "Pace" });
export type PaceLimits = z.infer<typeof paceLimitsSchema>;

const own = Object.fromEntries(
  Object.entries(paceLimitsSchema.shape).map(([name, schema]) => [name, schema.nullable()]),
) as { [Name in keyof PaceLimits]: z.ZodNullable<(typeof paceLimitsSchema.shape)[Name]> };

/** A session's own limits; null: as the settings say. */
export const ownPaceSchema = z.strictObject(own);
export type OwnPace = z.infer<typeof ownPaceSchema>;

/** What is left out stays as it is. */
export const changePaceSchema = ownPaceSchema.partial().meta({ id: "ChangePace" });

export const paceAnswerSchema = z.object({
  success: z.literal(true),
  sessionId: sessionIdSchema,
  pace: paceLimitsSchema.meta({ description: "The limits that hold" }),
  own: ownPaceSchema.meta({ description: "Which of them are the session's own; null: as the settings say" }),
  nextAt: z.iso.datetime().nullable().meta({
    description: "From when on its next message may go out; null: at once",
  }),
});
