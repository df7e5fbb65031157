import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";
import { checkKind } from "./kinds.ts";
import { MAX_TEXT_LENGTH, messageStatuses, recipientSchema, sendMessageFields } from "./message.ts";
import { clientMessageIdSchema } from "./send-options.ts";

/** `running`: its messages go out in their turn; `paused`: none goes out; `cancelled`: what had not gone out never will. */
export const bulkStates = ["running", "paused", "cancelled"] as const;
export const bulkStateSchema = z.enum(bulkStates);
export type BulkState = z.infer<typeof bulkStateSchema>;

export const MAX_BULK_RECIPIENTS = 1_000;

const bulkRecipientSchema = z.union([
  recipientSchema,
  z.strictObject({
    to: recipientSchema,
    message: z.string().max(MAX_TEXT_LENGTH).optional(),
    caption: z.string().max(MAX_TEXT_LENGTH).optional(),
    clientMessageId: clientMessageIdSchema.optional(),
  }),
]);

const { to: _to, async: _async, clientMessageId: _clientMessageId, ...shared } = sendMessageFields;

/** One message to many; what stands beside a recipient goes before what stands for all. */
export const sendBulkSchema = z
  .strictObject({
    ...shared,
    recipients: z.array(bulkRecipientSchema).min(1).max(MAX_BULK_RECIPIENTS),
    clientBulkId: clientMessageIdSchema
      .optional()
      .meta({ description: "The caller's own id of the bulk; the header Idempotency-Key does the same" }),
  })
  .check((ctx) => {
    const { type, recipients, message, caption } = ctx.value;
    const own = recipients.filter((recipient) => typeof recipient !== "string");
    const ownMessage = own.find((one) => one.message)?.message;
    const ownCaption = own.find((one) => one.caption)?.caption;
    const parts = {
      ...ctx.value,
      // Whether each recipient has a text is told recipient by recipient: here counts whether there is any. What stands beside a
      // recipient goes before what stands for all, so that these are no two texts of one message.
      message: type === "text" ? type : (message ?? ((caption ?? ownCaption) ? undefined : ownMessage)),
      caption: caption ?? (message === undefined ? ownCaption : undefined),
    };
    for (const { field, message: text } of checkKind(type, parts)) {
      ctx.issues.push({ code: "custom", path: [field], message: text, input: ctx.value });
    }
  })
  .meta({ id: "SendBulk" });
export type SendBulk = z.infer<typeof sendBulkSchema>;

export const bulkSchema = z
  .object({
    bulkId: z.string(),
    sessionId: sessionIdSchema,
    state: bulkStateSchema,
    total: z.number().int(),
    /** How many of its messages stand where. */
    counts: z.record(z.enum(messageStatuses), z.number().int()),
    /** All have come to an end. */
    finished: z.boolean(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Bulk" });
export type Bulk = z.infer<typeof bulkSchema>;

export const bulkAnswerSchema = z.object({ success: z.literal(true), bulk: bulkSchema });

/** The bulk as it was accepted, with its messages in the order of `recipients`. */
export const bulkAcceptedSchema = bulkAnswerSchema.extend({
  messages: z.array(
    z.object({ messageId: z.string(), to: z.string(), clientMessageId: z.string().nullable() }),
  ),
});
