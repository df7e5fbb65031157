import type { CountryCode, PhoneNumber } from "libphonenumber-js/max";
import { toRecipient } from "../recipient.ts";

/* Twenty ways in which people, spreadsheets and programs write a number. */

const fullWidth = (text: string) =>
  text.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
const arabic = (text: string) =>
  text.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit)));
export const digitsOf = ({ number }: PhoneNumber) => number.slice(1);
/** As one dials inside the country; null where nobody puts anything before the number there. */
export const withTrunk = (number: PhoneNumber) => {
  const national = number.formatNational();
  return national.replaceAll(/\D/g, "") === number.nationalNumber ? null : national;
};

/** These leave no doubt of the country. */
export const certain: Record<string, (number: PhoneNumber) => string> = {
  "E.164": ({ number }) => number,
  "as people write it": (number) => number.formatInternational(),
  "with dashes": (number) => number.formatInternational().replaceAll(" ", "-"),
  "with dots": (number) => number.formatInternational().replaceAll(" ", " . "),
  "in brackets": (number) => number.formatInternational().replace(/^(\+\d+)/, "($1)"),
  "with spaces around": ({ number }) => `  ${number}\t`,
  "with spaces that do not break": (number) => number.formatInternational().replaceAll(" ", "\u{A0}"),
  "with dashes that do not break": (number) => number.formatInternational().replaceAll(" ", "\u{2011}"),
  "with invisible marks": ({ number }) => `\u{202A}${[...number].join("\u{200B}")}\u{202C}`,
  "full-width": ({ number }) => fullWidth(number),
  "Arabic digits": ({ number }) => arabic(number),
  "an id": (number) => `${digitsOf(number)}@c.us`,
  "an id of the protocol": (number) => `${digitsOf(number)}@s.whatsapp.net`,
  "an id with a device": (number) => `${digitsOf(number)}:7@c.us`,
};

/** Said for sure, but where 00 is dialled before a carrier: there a number that may be two people is refused. */
export const with00: Record<string, (number: PhoneNumber) => string> = {
  "with 00": (number) => `00${digitsOf(number)}`,
  "with 00 and spaces": (number) => number.formatInternational().replace("+", "00 "),
};

/** These leave it open, where the country is not the default one. */
export const open: Record<string, (number: PhoneNumber) => string> = {
  digits: digitsOf,
  "digits with spaces": (number) => number.formatInternational().slice(1),
  "digits of full width": (number) => fullWidth(digitsOf(number)),
  "digits in groups of four": (number) => digitsOf(number).replaceAll(/(\d{4})(?=\d)/g, "$1-"),
};

/** null: it is refused. */
export const read = (text: string, defaultCountry: CountryCode): string | null => {
  try {
    return toRecipient(text, "to", defaultCountry);
  } catch {
    return null;
  }
};
