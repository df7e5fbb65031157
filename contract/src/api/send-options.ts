import { z } from "zod";
import { LOOK_NO_FURTHER, textUpTo } from "./long-text.ts";

/** The caller's own id of a message: the same id and request again answers what the first one came to. */
export const clientMessageIdSchema = textUpTo(255)
  .min(1, LOOK_NO_FURTHER)
  .regex(/^[\x20-\x7e]+$/, "must be of printable ASCII")
  .meta({ example: "order-1234-paid" });

/** A time with its zone, which is never guessed. */
const NOT_A_TIME = "must be a time with its zone, such as 2030-01-31T09:00:00+07:00 or 2030-01-31T02:00:00Z";
const timeSchema = textUpTo(64, NOT_A_TIME).check(z.iso.datetime({ offset: true, error: NOT_A_TIME }));

/** How and when a message goes out, whatever its kind. */
export const sendOptions = {
  async: z.boolean().optional().meta({
    description: "Answer 202 at once; the message goes out when the session is connected",
  }),
  clientMessageId: clientMessageIdSchema.optional(),
  scheduledAt: timeSchema.optional().meta({ description: "Not before this time" }),
  expiresAt: timeSchema.optional().meta({ description: "Not after this time; then it is `expired`" }),
};
