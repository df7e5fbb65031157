import { z } from "zod";
import { numberAsWrittenSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";

/** WhatsApp's own id of a message: `true_6281234567890@c.us_3EB0…`; in a group its writer's id follows. */
export const whatsappIdSchema = textUpTo(200).regex(
  /^(true|false)_[0-9A-Za-z.:-]+@[a-z.]+_[0-9A-Za-z._:@-]+$/,
  "is not a WhatsApp id such as true_6281234567890@c.us_3EB0…",
);

const oneLine = (max: number) =>
  textUpTo(max).regex(/^(?=[^\r\n]*\S)[^\r\n]*$/, "must be one line, and not empty");

export const locationSchema = z
  .strictObject({
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
    name: oneLine(255).optional(),
    address: oneLine(1024).optional(),
  })
  .meta({ description: "Degrees; `name` and `address` are shown beside the map" });

export const contactSchema = z.strictObject({
  name: oneLine(255),
  phoneNumber: numberAsWrittenSchema.meta({ example: "6281234567890" }),
});

/** Contacts in one message, so that it stays far below what WhatsApp takes. */
const MAX_CONTACTS = 50;

/** WhatsApp's own limits of a poll: characters of its question and of an option, and number of options. */
const POLL = { question: 255, option: 100, options: 12 } as const;

export const pollSchema = z.strictObject({
  question: oneLine(POLL.question),
  options: z
    .array(oneLine(POLL.option))
    .min(2)
    .max(POLL.options)
    .refine((options) => new Set(options.map((option) => option.trim())).size === options.length, {
      message: "must all be different",
    }),
  multiple: z.boolean().default(false).meta({ description: "Whether one may choose more than one option" }),
});

/** Members of a group of WhatsApp's largest size. */
const MAX_MENTIONS = 1024;

/** What a message can be made of besides its text and its media. */
export const contentFields = {
  location: locationSchema.optional(),
  contact: contactSchema.optional(),
  contacts: z.array(contactSchema).min(1).max(MAX_CONTACTS).optional(),
  poll: pollSchema.optional(),
  quotedId: whatsappIdSchema
    .optional()
    .meta({ description: "The message this one answers: its WhatsApp id" }),
  mentions: z.array(numberAsWrittenSchema).max(MAX_MENTIONS).optional().meta({
    description: "Phone numbers or chat ids (…@c.us, …@lid) that the text names as `@6281234567890`",
  }),
};

/** The same as it is kept and handed to the runner: phone numbers are digits, mentions chat ids. */
export const messageContentSchema = z.object({
  location: locationSchema.optional(),
  contacts: z.array(contactSchema).optional(),
  poll: pollSchema.optional(),
  quotedId: z.string().optional(),
  mentions: z.array(z.string()).optional(),
});
export type MessageContent = z.infer<typeof messageContentSchema>;
