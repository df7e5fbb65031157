import { z } from "zod";
import { numberAsWrittenSchema, sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";

/** Who asked that somebody be not written to: the operator, or the person, by a word such as STOP. */
export const suppressionSources = ["operator", "recipient"] as const;
export const suppressionSourceSchema = z.enum(suppressionSources);

const MAX_NOTE_LENGTH = 500;

export const suppressionSchema = z
  .object({
    recipient: z.string().meta({ description: "Digits, or a chat id", example: "6281234567890" }),
    sessionId: sessionIdSchema.nullable().meta({ description: "null: holds for all sessions" }),
    source: suppressionSourceSchema.meta({
      description: "Who asked for it: the operator, or the recipient by a word such as STOP",
    }),
    note: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "Suppression" });
export type Suppression = z.infer<typeof suppressionSchema>;

export const addSuppressionSchema = z
  .strictObject({
    recipient: numberAsWrittenSchema.meta({
      description: "Phone number in any usual form, or a chat id (…@c.us, …@g.us, …@lid)",
      example: "6281234567890",
    }),
    sessionId: sessionIdSchema.optional().meta({ description: "Left out: for all sessions" }),
    note: textUpTo(MAX_NOTE_LENGTH).optional(),
  })
  .meta({ id: "AddSuppression" });
export type AddSuppression = z.infer<typeof addSuppressionSchema>;

export const listSuppressionsQuerySchema = z.object({
  sessionId: sessionIdSchema.optional().meta({ description: "Only those that hold for this session" }),
  recipient: textUpTo(64).min(1).optional().meta({ description: "Only those of this recipient" }),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: textUpTo(300).optional().meta({ description: "`nextCursor` of the page before" }),
});
export type ListSuppressionsQuery = z.infer<typeof listSuppressionsQuerySchema>;

export const suppressionAnswerSchema = z.object({
  success: z.literal(true),
  suppression: suppressionSchema,
});

export const suppressionListSchema = z.object({
  success: z.literal(true),
  suppressions: z.array(suppressionSchema),
  nextCursor: z.string().nullable().meta({ description: "null on the last page" }),
});
