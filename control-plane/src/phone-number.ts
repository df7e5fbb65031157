import { parsePhoneNumberFromString, type CountryCode, type PhoneNumber } from "libphonenumber-js/max";
import { AppError, chatIdSchema } from "@whatsapp-engine/contract";

/**
 * A phone number in any usual form as digits in international form: `6281234567890`, `+62 812-3456-7890`, or
 * national with the default country, `081234567890`. Throws `invalid_phone_number` naming `field`.
 */
export function toDigits(text: string, field: string, defaultCountry: CountryCode): string {
  const trimmed = text.trim();
  if (/^[+0-9 ().\-/]{5,32}$/.test(trimmed)) {
    const international = trimmed.startsWith("+") ? trimmed : trimmed.startsWith("0") ? null : `+${trimmed}`;
    const number =
      (international !== null && possible(parsePhoneNumberFromString(international))) ||
      (international !== trimmed && possible(parsePhoneNumberFromString(trimmed, defaultCountry)));
    if (number) return number.number.slice(1);
  }
  throw new AppError("invalid_phone_number", `${field} is not a phone number.`, {
    details: [
      {
        field,
        message: `give it in international form such as 6281234567890, or national with the default country ${defaultCountry}`,
      },
    ],
  });
}

const possible = (number: PhoneNumber | undefined) => (number?.isPossible() ? number : undefined);

/** A recipient: digits in international form, also for a person's `@c.us`, or another chat id as it stands. Throws `invalid_phone_number`. */
export function toRecipient(text: string, field: string, defaultCountry: CountryCode): string {
  if (!text.includes("@")) return toDigits(text, field, defaultCountry);
  const chatId = text.trim();
  if (chatIdSchema.safeParse(chatId).success) return chatId.replace(/@c\.us$/, "");
  throw new AppError("invalid_phone_number", `${field} is neither a phone number nor a chat id.`, {
    details: [{ field, message: "a chat id ends with @c.us, @g.us or @lid and has digits before it" }],
  });
}
