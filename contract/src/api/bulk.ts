import { z } from "zod";
import { sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";
import { checkKind, type MessageParts, type MessageType } from "./kinds.ts";
import {
  MAX_TEXT_LENGTH,
  messageStatuses,
  recipientSchema,
  sendMessageFields,
  uploadSchema,
} from "./message.ts";
import { paceLimitsSchema } from "./pace.ts";
import { clientMessageIdSchema } from "./send-options.ts";

/**
 * `running`: its messages go out in their turn; `paused`: none goes out; `cancelled`: what had not gone out never will; `finished`: all
 * have come to an end.
 */
export const bulkStates = ["running", "paused", "cancelled", "finished"] as const;
export const bulkStateSchema = z.enum(bulkStates);
export type BulkState = z.infer<typeof bulkStateSchema>;

export const MAX_BULK_RECIPIENTS = 1_000;
/** A row of 2,000 characters each. */
const MAX_TABLE_LENGTH = 2_000_000;
/** Of a placeholder's name, and of what stands for it. */
export const MAX_FIELD_NAME_LENGTH = 64;
const MAX_FIELD_LENGTH = 4_096;

const fieldValueSchema = z.union([textUpTo(MAX_FIELD_LENGTH), z.number(), z.boolean()]);

/** One recipient with what is its own. What is not named here is a field for placeholders. */
export const bulkRecipientSchema = z
  .object({
    to: recipientSchema,
    message: textUpTo(MAX_TEXT_LENGTH).optional(),
    caption: textUpTo(MAX_TEXT_LENGTH).optional(),
    clientMessageId: clientMessageIdSchema.optional(),
    fields: z
      .record(textUpTo(MAX_FIELD_NAME_LENGTH).min(1), fieldValueSchema.nullable())
      .optional()
      .meta({ description: "What its placeholders stand for; those that no text names are taken too" }),
  })
  .catchall(fieldValueSchema)
  .meta({
    id: "BulkRecipient",
    description: "A further field is what a placeholder stands for; one that no text names is a mistake",
    example: { to: "6281234567890", name: "Budi" },
  });
export type BulkRecipient = z.infer<typeof bulkRecipientSchema>;

const { to: _to, async: _async, clientMessageId: _clientMessageId, ...shared } = sendMessageFields;

const { perMinute, pauseMs } = paceLimitsSchema.shape;
const bulkPaceSchema = z
  .strictObject({ perMinute: perMinute.min(1).optional(), pauseMs: pauseMs.optional() })
  .refine((pace) => pace.perMinute !== undefined || pace.pauseMs !== undefined, {
    message: "needs perMinute, pauseMs or both",
  });

const fieldsOfBulk = {
  ...shared,
  csv: textUpTo(MAX_TABLE_LENGTH).min(1).optional().meta({
    description:
      "Instead of `recipients`: a table as a spreadsheet writes it (`,`, `;` or tab, quotes), its first row naming the columns",
  }),
  toColumn: textUpTo(255).min(1).optional().meta({
    description: "The column of `csv` with the phone numbers; found by its usual names where it is left out",
  }),
  placeholders: z.literal(false).optional().meta({
    description: "Texts go out as they stand; else `{{name}}` stands for each recipient's field",
  }),
  onInvalid: z.enum(["refuse", "skip"]).optional().meta({
    description: "What becomes of a bulk with recipients that are not valid; refused as a whole by default",
  }),
  dryRun: z.boolean().optional().meta({ description: "Sends nothing, and tells what would become of each" }),
  pace: bulkPaceSchema.optional().meta({
    description: "No faster than this; the session's own pace counts too",
  }),
  clientBulkId: clientMessageIdSchema
    .optional()
    .meta({ description: "The caller's own id of the bulk; the header Idempotency-Key does the same" }),
};
const recipients = <Row extends z.ZodType>(row: Row) =>
  z.array(row).min(1).max(MAX_BULK_RECIPIENTS).optional();

type Bulked = MessageParts & {
  type: MessageType;
  recipients?: readonly unknown[] | undefined;
  csv?: string | undefined;
  toColumn?: string | undefined;
};

/** What is for all must fit together; what stands beside a recipient is checked with it. */
function checkBulk(ctx: z.core.ParsePayload<Bulked>): void {
  const { type, message, caption, recipients: rows, csv, toColumn } = ctx.value;
  const miss = (field: string, text: string) =>
    ctx.issues.push({ code: "custom", path: [field], message: text, input: ctx.value });
  if (rows === undefined && csv === undefined) miss("recipients", "is missing; give recipients, or csv");
  if (rows !== undefined && csv !== undefined) miss("csv", "give either recipients or csv, not both");
  if (toColumn !== undefined && csv === undefined) miss("toColumn", "belongs to csv");
  // Whether each recipient has a text is told recipient by recipient.
  const parts = { ...ctx.value, message: type === "text" ? type : message, caption };
  for (const { field, message: text } of checkKind(type, parts)) miss(field, text);
}

/** One message to many; what stands beside a recipient goes before what stands for all. */
export const sendBulkSchema = z
  .strictObject({
    ...fieldsOfBulk,
    recipients: recipients(z.union([recipientSchema, bulkRecipientSchema])),
  })
  .check(checkBulk)
  .meta({ id: "SendBulk" });

/** The same without a look at the rows: each is checked by itself, so that all that is wrong is told, or skipped. */
export const readBulkSchema = z
  .strictObject({ ...fieldsOfBulk, recipients: recipients(z.unknown()) })
  .check(checkBulk);
export const readBulkUploadSchema = z
  .strictObject({ ...fieldsOfBulk, recipients: recipients(z.unknown()), media: uploadSchema })
  .check(checkBulk);

type BulkMedia = z.infer<typeof readBulkSchema>["media"] | z.infer<typeof uploadSchema>;
/** A bulk as it is asked for, however it came. */
export type SendBulk = Omit<z.infer<typeof readBulkSchema>, "media"> & { media?: BulkMedia | undefined };

export const bulkSchema = z
  .object({
    bulkId: z.string(),
    sessionId: sessionIdSchema,
    clientBulkId: z.string().nullable(),
    state: bulkStateSchema,
    total: z.number().int(),
    /** How many of its messages stand where. */
    counts: z.record(z.enum(messageStatuses), z.number().int()),
    skipped: z.number().int().meta({ description: "How many recipients were left out as not valid" }),
    pauseMs: z.number().int().nullable().meta({
      description: "Milliseconds between two of its messages; null: as the session's pace has it",
    }),
    finished: z.boolean().meta({ description: "All have come to an end" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Bulk" });
export type Bulk = z.infer<typeof bulkSchema>;

const problemSchema = z.object({ field: z.string(), message: z.string() });

export const skippedRecipientSchema = z
  .object({
    index: z
      .number()
      .int()
      .meta({ description: "Its place in `recipients`, or among the rows of `csv`, from 0" }),
    row: z.number().int().nullable().meta({
      description:
        "Its row in the spreadsheet, where the first names the columns; null: it was no spreadsheet",
    }),
    to: z.string().nullable().meta({ description: "As it was given" }),
    problems: z.array(problemSchema),
  })
  .meta({ id: "SkippedRecipient" });
export type SkippedRecipient = z.infer<typeof skippedRecipientSchema>;

export const bulkAnswerSchema = z.object({
  success: z.literal(true),
  bulk: bulkSchema,
  skipped: z.array(skippedRecipientSchema),
});

/** The bulk as it was accepted, with its messages in the order of `recipients`. */
export const bulkAcceptedSchema = bulkAnswerSchema.extend({
  messages: z.array(
    z.object({ messageId: z.string(), to: z.string(), clientMessageId: z.string().nullable() }),
  ),
});

export const listBulksQuerySchema = z.object({
  state: bulkStateSchema.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: textUpTo(256).optional(),
});
export type ListBulksQuery = z.infer<typeof listBulksQuerySchema>;

export const bulkListSchema = z.object({
  success: z.literal(true),
  bulks: z.array(bulkSchema),
  nextCursor: z.string().nullable(),
});

/** `yes`, `no`: WhatsApp said so; `unknown`: it was not asked, or did not say. */
const onWhatsAppSchema = z.enum(["yes", "no", "unknown"]);

export const bulkCheckSchema = z
  .object({
    total: z.number().int(),
    valid: z.number().int().meta({ description: "How many would be accepted" }),
    invalid: z.number().int(),
    suppressed: z.number().int().meta({ description: "Of the valid ones: must not be written to" }),
    notOnWhatsApp: z.number().int().meta({ description: "Of the valid ones: WhatsApp has no such account" }),
    notChecked: z
      .number()
      .int()
      .meta({ description: "Of the valid ones: WhatsApp was not asked, or did not say" }),
    recipients: z.array(
      skippedRecipientSchema.extend({
        recipient: z.string().nullable().meta({ description: "As it would be kept: digits, or a chat id" }),
        text: z.string().nullable().meta({
          description: "Its text or caption, placeholders filled in, the first 1,000 characters",
        }),
        suppressed: z.boolean(),
        onWhatsApp: onWhatsAppSchema,
      }),
    ),
  })
  .meta({ id: "BulkCheck" });
export type BulkCheck = z.infer<typeof bulkCheckSchema>;

export const bulkCheckAnswerSchema = z.object({
  success: z.literal(true),
  dryRun: z.literal(true),
  check: bulkCheckSchema,
});
