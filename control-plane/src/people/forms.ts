import { parsePhoneNumberFromString } from "libphonenumber-js/max";

/*
 * WhatsApp writes the mobile numbers of three countries otherwise than their numbering plans do, since it keeps a number as it was
 * when the account was made. The kept library calls some of these invalid.
 *
 * - Brazil: `55`, two digits of the area, eight of the line, without the ninth digit (a 9 before them) that came between 2012 and
 *   2016. Accounts that are older go on without it. Lines of radios (70, 77 to 79) never got one.
 * - Mexico: `521` and ten digits; the 1 for mobile lines ended in August 2019.
 * - Argentina: `549` and ten digits; national, and where callers leave the 9 out, `54` and ten.
 *
 * Sources: whatsapp-web.js 596 and 201602, Baileys 1997 (Brazil: which form an account has nobody can tell but WhatsApp); the FAQs
 * "sending messages to numbers of different countries" of green-api.com and whapi.cloud (all three).
 */
const RULES: readonly { pattern: RegExp; other: string }[] = [
  { pattern: /^55([1-9]\d)9((?:[689]\d|7[1-6])\d{6})$/, other: "55$1$2" },
  { pattern: /^55(?<area>[1-9]\d)(?<line>(?:[689]\d|7[1-6])\d{6})$/, other: "55$<area>9$<line>" },
  { pattern: /^521(\d{10})$/, other: "52$1" },
  { pattern: /^52(\d{10})$/, other: "521$1" },
  { pattern: /^549(\d{10})$/, other: "54$1" },
  { pattern: /^54(\d{10})$/, other: "549$1" },
];

/** The other way in which the same number is written at WhatsApp; null: there is none. `digits`: international. */
export function otherFormOf(digits: string): string | null {
  const rule = RULES.find(({ pattern }) => pattern.test(digits));
  return rule ? digits.replace(rule.pattern, rule.other) : null;
}

/** Whether two texts of digits are one number, in whichever form. */
export const isSameNumber = (one: string, other: string): boolean =>
  one === other || otherFormOf(one) === other;

/** Whether it is a number by its country's plan, or one as WhatsApp writes it. */
export function isNumber(digits: string): boolean {
  const isValid = (one: string) => parsePhoneNumberFromString(`+${one}`)?.isValid() === true;
  const other = otherFormOf(digits);
  return isValid(digits) || (other !== null && isValid(other));
}
