import { z } from "zod";
import { LOOK_NO_FURTHER } from "../api/long-text.ts";

/*
 * Fields of what strangers send and a page tells, read so that none of them is in the way of the rest: too long a text is cut,
 * half a character replaced (U+FFFD), and what is of another type or form is null. Lengths are in UTF-16 units.
 */

/** Longest body: four times WhatsApp's longest text, as the cards of many contacts are one body too. */
export const MAX_BODY_LENGTH = 262_144;
export const MAX_NAME_LENGTH = 255;
export const MAX_ID_LENGTH = 512;

/** The text's first whole characters. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed();
  return text
    .slice(0, most)
    .replace(/[\ud800-\udbff]$/, "")
    .toWellFormed();
}

export const textSchema = (most: number) => z.string().transform((text) => cut(text, most));
export const textOrNullSchema = (most: number) => textSchema(most).nullable().catch(null);

/** One that was cut is an id still, by which nothing is found. */
export const toldIdSchema = z
  .string()
  .min(1)
  .transform((id) => cut(id, MAX_ID_LENGTH));

/** Digits of a phone number. */
export const toldNumberSchema = z.string().max(20, LOOK_NO_FURTHER).regex(/^\d+$/).nullable().catch(null);

/** A media type (RFC 6838: twice 127 characters at the most) with its parameters, such as `audio/ogg; codecs=opus`. */
export const toldMimetypeSchema = z
  .string()
  .max(255, LOOK_NO_FURTHER)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ ?(;[\x20-\x7e]*)?$/)
  .nullable()
  .catch(null);
