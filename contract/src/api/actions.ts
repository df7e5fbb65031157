import { z } from "zod";
import { textUpTo } from "./long-text.ts";
import { MAX_TEXT_LENGTH } from "./message.ts";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** One that a person sees as one: flags, keycaps and families are several characters long. */
const isOneEmoji = (text: string): boolean =>
  [...graphemes.segment(text)].length === 1 &&
  /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u.test(text);

export const reactSchema = z
  .strictObject({
    emoji: textUpTo(64)
      .refine((emoji) => emoji === "" || isOneEmoji(emoji), {
        message: "must be one emoji, or empty to take the reaction back",
      })
      .meta({ description: "One emoji; empty takes the reaction back", example: "👍" }),
  })
  .meta({ id: "React" });

export const editMessageSchema = z
  .strictObject({
    message: textUpTo(MAX_TEXT_LENGTH)
      .refine((text) => text.trim() !== "", { message: "must not be empty" })
      .meta({ description: "The new text; of media, the new caption" }),
  })
  .meta({ id: "EditMessage" });

/** `200`: WhatsApp did it. */
export const actionAnswerSchema = z.object({
  success: z.literal(true),
  messageId: z.string().nullable().meta({ description: "Our id, if the call named the message by it" }),
  whatsappId: z.string(),
});

export const numberAnswerSchema = z.object({
  success: z.literal(true),
  number: z.string().meta({ description: "Digits, international" }),
  exists: z.boolean().meta({ description: "Whether the number is on WhatsApp" }),
  chatId: z.string().nullable().meta({ description: "Its chat's id; null if it is not on WhatsApp" }),
});
