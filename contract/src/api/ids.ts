import { z } from "zod";
import { textUpTo } from "./long-text.ts";

const NOT_AN_ID = "must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'";

/** The caller's name for a session: 1 to 64 of `A-Z a-z 0-9 _ -`. */
export const sessionIdSchema = textUpTo(64, NOT_AN_ID)
  .regex(/^[A-Za-z0-9_-]{1,64}$/, NOT_AN_ID)
  .meta({ description: "The caller's name for the session", example: "session-123" });

/** Phone number in international form, digits only, 7 to 15 of them (ITU-T E.164), without `+`. */
export const phoneDigitsSchema = z.string().regex(/^[1-9][0-9]{6,14}$/);

/** A WhatsApp chat id: a person (`@c.us`, `@lid`) or a group (`@g.us`). */
export const chatIdSchema = z.string().regex(/^[0-9-]{5,40}@(c\.us|g\.us|lid)$/);

/** A phone number, or a chat id, as a person or a spreadsheet writes it; a JSON number counts by its digits. */
export const numberAsWrittenSchema = z
  .union([
    textUpTo(64).min(1),
    z.int("write the number as a text: as a JSON number it is not exact").nonnegative(),
  ])
  .transform(String);
