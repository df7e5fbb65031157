import { z } from "zod";

/** The caller's own id of a message: the same id and request again answers what the first one came to. */
export const clientMessageIdSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[\x20-\x7e]+$/, "must be of printable ASCII")
  .meta({ example: "order-1234-paid" });

/** How and when a message goes out, whatever its kind. */
export const sendOptions = {
  async: z.boolean().optional().meta({
    description: "Answer 202 at once; the message goes out when the session is connected",
  }),
  clientMessageId: clientMessageIdSchema.optional(),
  scheduledAt: z.iso.datetime({ offset: true }).optional().meta({ description: "Not before this time" }),
  expiresAt: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: "Not after this time; then it is `expired`" }),
};
