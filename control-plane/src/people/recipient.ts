import {
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString,
  type CountryCode,
  type PhoneNumber,
} from "libphonenumber-js/max";
import { AppError } from "@whatsapp-engine/contract/api";
import { isNumber } from "./forms.ts";

/** Longest text that is looked at. */
const MAX_LENGTH = 64;
/** ITU-T E.164. */
const MAX_DIGITS = 15;
/** Digits that a slash may stand behind: an area's, with the country's before them. A whole number is longer. */
const MAX_AREA_DIGITS = 7;
const MIN_AFTER_SLASH = 4;

/** Digits of other scripts that people type numbers with: full-width, Arabic, Persian; each by its zero. */
const ZEROS = [0xff10, 0x0660, 0x06f0];

/**
 * A person's number as a caller wrote it, as digits in international form; it never guesses.
 *
 * `+…` and `00…` are international, and so are digits that begin with the default country's own calling code and make a number
 * so. All others must make a number in exactly one way, national or international. What is international for sure may be a
 * number that the library's tables do not have yet: WhatsApp is asked for each before anything is sent.
 *
 * Throws `invalid_phone_number`, naming `field`, with the readings that there are.
 */
export function toDigits(text: string, field: string, defaultCountry: CountryCode): string {
  const refuse = (why: string, seen = text): never => {
    throw new AppError("invalid_phone_number", `${field} is not a phone number: ${why}.`, {
      details: [{ field, message: `${JSON.stringify(seen)}: ${why}` }],
    });
  };
  if (text.length > MAX_LENGTH)
    refuse(`it is longer than ${MAX_LENGTH} characters`, text.slice(0, MAX_LENGTH));
  if (isPlainOf(text, defaultCountry)) return text;
  const written = plain(text);
  const why = whyNotNumber(written);
  if (why !== null) refuse(why);
  const digits = written.replaceAll(/\D/g, "");
  const example = `write it with + and the country's code, such as +6281234567890`;

  const only = (readings: readonly (string | null)[]): string | null => {
    const [first, second] = [...new Set(readings.filter((one) => one !== null))];
    if (first === undefined) return null;
    if (second === undefined) return first;
    return refuse(`it may be ${shown(first)}, or ${shown(second)}; write the one that is meant with its +`);
  };
  const plan = planOf(defaultCountry);
  const hasPlus = /^\(?\+/.test(written);
  if (hasPlus || digits.startsWith("00")) {
    const international = readInternational(hasPlus ? digits : digits.slice(2));
    const others = hasPlus ? trunkMarked(written) : dialled(digits, plan, defaultCountry);
    return only([international, ...others]) ?? refuse(`no country has a number like this; ${example}`);
  }

  const number = parsePhoneNumberFromString(digits, defaultCountry);
  if (number?.carrierCode) refuse("it holds the code of a carrier; leave that out");
  const national = number && isNumber(digitsOf(number)) ? digitsOf(number) : null;
  const ownCode = getCountryCallingCode(defaultCountry);
  // 8 10 is dialled before a number abroad in Russia, and begins free lines there.
  const isDialledAbroad = number !== undefined && number.countryCallingCode !== ownCode;
  const whole = isDialledAbroad && isNumber(ownCode + digits) ? ownCode + digits : null;
  // Whoever sets apart what one dials before a number at home means one at home: 8 (495) 123-45-67 is of Moscow, not of Vietnam.
  if (national !== null && whole === null && plan.trunk !== undefined && startsApart(written, plan.trunk))
    return national;
  const abroad = areaInBrackets(written) ? null : readInternational(digits);
  const foreign = abroad !== null && isNumber(abroad) ? abroad : null;
  if (foreign !== null && digits.startsWith(ownCode)) return foreign;
  const found = only([foreign, national, whole]);
  if (found !== null) return found;
  return refuse(`it is no number of ${countryNames.of(defaultCountry)}, nor of another country; ${example}`);
}

/** A country's plan, as the library's tables have it. */
type Plan = {
  /** What one dials before a number at home. */
  trunk: string | undefined;
  /** What one dials before one abroad, a pattern. */
  abroad: string;
  /** Whole numbers in international form, by their kinds; null: the calling code has several countries. */
  kinds: readonly RegExp[] | null;
};
type Described = { pattern(): string; possibleLengths(): number[] | undefined };

const plans = new Map<CountryCode, Plan>();
function planOf(country: CountryCode): Plan {
  const known = plans.get(country);
  if (known) return known;
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country);
  const { numberingPlan } = metadata as unknown as {
    numberingPlan: {
      nationalPrefix(): string | 0 | undefined;
      IDDPrefix(): string;
      nationalNumberPattern(): string;
      type(kind: string): Described | undefined;
    };
  };
  const code = getCountryCallingCode(country);
  const isShared = getCountries().some((one) => one !== country && getCountryCallingCode(one) === code);
  const all = numberingPlan.nationalNumberPattern();
  const kinds = KINDS.flatMap((kind) => {
    const described = numberingPlan.type(kind);
    if (!described) return [];
    const lengths = described.possibleLengths()?.map((length) => `\\d{${length}}$`);
    const ofLength = lengths ? `(?=${lengths.join("|")})` : "";
    return [new RegExp(`^${code}${ofLength}(?=(?:${all})$)(?:${described.pattern()})$`)];
  });
  const plan = {
    trunk: numberingPlan.nationalPrefix() || undefined,
    abroad: numberingPlan.IDDPrefix(),
    kinds: isShared ? null : kinds,
  };
  plans.set(country, plan);
  return plan;
}

/** Kinds of numbers in the library's tables. */
const KINDS = [
  "MOBILE",
  "FIXED_LINE",
  "PREMIUM_RATE",
  "TOLL_FREE",
  "SHARED_COST",
  "VOIP",
  "PERSONAL_NUMBER",
  "PAGER",
  "UAN",
  "VOICEMAIL",
];

/**
 * Whether it is digits alone that begin with the country's own calling code and make a number so, as most are written. The same is
 * found below, by a library that needs 50 times as long for it.
 */
const isPlainOf = (text: string, country: CountryCode): boolean =>
  /^\d{7,15}$/.test(text) && planOf(country).kinds?.some((kind) => kind.test(text)) === true;

/** Carriers that the library does not know: of Indonesia Indosat (001) and Telkom (007), as people there dial them. */
const ALSO_DIALLED: Partial<Record<CountryCode, readonly string[]>> = { ID: ["001", "007"] };

/**
 * What digits that begin with 00 mean besides: what is dialled abroad by a carrier (001, 008, … in Indonesia, Thailand, Korea), and a
 * number at home that was given one zero too many, where 00 is not what one dials abroad.
 */
function dialled(digits: string, { abroad }: { abroad: string }, country: CountryCode): string[] {
  const isDialled = (prefix: string) =>
    new RegExp(`^(?:${abroad})$`).test(prefix) || ALSO_DIALLED[country]?.includes(prefix) === true;
  const byCarrier = [3, 4, 5]
    .filter((length) => isDialled(digits.slice(0, length)))
    .flatMap((length) => readInternational(digits.slice(length)) ?? []);
  if (isDialled("00")) return byCarrier.filter(isNumber);
  const bare = digits.replace(/^0+/, "");
  const atHome = bare.startsWith(getCountryCallingCode(country))
    ? undefined
    : parsePhoneNumberFromString(bare, country);
  return [...byCarrier, ...(atHome ? [digitsOf(atHome)] : [])].filter(isNumber);
}

/** `+39 (0)345 478 2979`: the zero in brackets is dialled at home alone, also where zeros belong to numbers. */
function trunkMarked(written: string): string[] {
  if (!/\(0\)/.test(written)) return [];
  const without = readInternational(written.replace("(0)", "").replaceAll(/\D/g, ""));
  return without !== null && isNumber(without) ? [without] : [];
}

const startsApart = (written: string, trunk: string): boolean =>
  written.startsWith(trunk) && /^[ .(-]/.test(written.slice(trunk.length));

/** Brackets stand around an area, unless around a country's code right at the beginning. */
function areaInBrackets(written: string): boolean {
  const [, before = "", inside = ""] = /^(\d*)[ .-]*\((\d+)\)/.exec(written) ?? [];
  return inside !== "" && !(before === "" ? isCallingCode(inside) : isCallingCode(before));
}

/** Without what cannot be seen; spaces, dashes and digits of all kinds as the usual ones. */
function plain(text: string): string {
  return text
    .replaceAll(/\p{Cf}/gu, "")
    .trim()
    .replaceAll(/\p{Zs}/gu, " ")
    .replaceAll(/[\p{Pd}\u2212]/gu, "-")
    .replaceAll("\uFF0B", "+")
    .replaceAll(/\p{Nd}/gu, usualDigit)
    .trim();
}

function usualDigit(digit: string): string {
  const zero = ZEROS.find((one) => digit.codePointAt(0)! - one >= 0 && digit.codePointAt(0)! - one < 10);
  return zero === undefined ? digit : String(digit.codePointAt(0)! - zero);
}

/** Why a text cannot be one person's number, whatever its digits are; null: it may be one. */
function whyNotNumber(written: string): string | null {
  if (written === "") return "it is empty";
  if (/^\d+([.,]\d+)?e\+?\d+$/i.test(written))
    return "a spreadsheet has rounded it; format the column as text and enter the number again";
  if (/^\+?\d+[.,]\d{1,2}$|[.,]0{1,3}$/.test(written))
    return "it has decimals, as a spreadsheet's number; write its digits alone";
  if (!/^[+0-9 ().\-/]+$/.test(written))
    return "it holds something else than digits, spaces, dots, dashes and brackets";
  if (/^(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d)$/.test(written))
    return "it is a date";
  if (/\d{6}[ ./-]+\d$|\(\d*\)$/.test(written) && !/^\(\d*\)$/.test(written))
    return "something stands behind it, apart from the rest; give the number alone";
  if (written.lastIndexOf("+") > written.search(/\d/)) return "a + stands behind its digits";
  const [before, after, more] = written.split("/").map((part) => part.replaceAll(/\D/g, "").length);
  if (after !== undefined && !/^\(?[+0]/.test(written))
    return "it has a slash, as dates, orders and pairs of numbers have; write its digits alone";
  if (after !== undefined && (more !== undefined || before! > MAX_AREA_DIGITS || after < MIN_AFTER_SLASH))
    return "it seems to be more than one number; give one";
  return null;
}

/** Digits in international form, where there is a country with numbers of that length, or WhatsApp writes one so; else null. */
function readInternational(digits: string): string | null {
  if (digits.length > MAX_DIGITS) return null;
  const number = parsePhoneNumberFromString(`+${digits}`);
  if (number?.isPossible() === true) return digitsOf(number);
  return isNumber(digits) ? digits : null;
}

const digitsOf = ({ number }: PhoneNumber): string => number.slice(1);
const isCallingCode = (digits: string): boolean => callingCodes.has(digits);
const callingCodes = new Set<string>(getCountries().map((country) => getCountryCallingCode(country)));
const countryNames = new Intl.DisplayNames("en", { type: "region" });

/** `+81 23 456 7890 (Japan)` */
function shown(digits: string): string {
  const number = parsePhoneNumberFromString(`+${digits}`)!;
  const country = number.country ? ` (${countryNames.of(number.country)})` : "";
  return `${number.formatInternational()}${country}`;
}

/**
 * A recipient: a number's digits in international form, also of a person's `…@c.us` or `…@s.whatsapp.net`; or a chat id (`…@lid`,
 * `…@g.us`). The number of a device in an id is left out. An id that WhatsApp may have told is not checked as a number.
 * Throws `invalid_phone_number`, naming `field`.
 */
export function toRecipient(text: string, field: string, defaultCountry: CountryCode): string {
  if (!text.includes("@")) return toDigits(text, field, defaultCountry);
  const id = text.length > MAX_LENGTH ? "" : text.replaceAll(/\p{Cf}/gu, "").trim();
  const person = /^([1-9]\d{4,19})(?:\.\d{1,3})?(?::\d{1,3})?@(c\.us|s\.whatsapp\.net|lid)$/.exec(id);
  if (person) return person[2] === "lid" ? `${person[1]}@lid` : person[1]!;
  if (/^[1-9]\d{4,24}(-\d{5,15})?@g\.us$/.test(id)) return id;
  throw new AppError("invalid_phone_number", `${field} is neither a phone number nor a chat id.`, {
    details: [
      {
        field,
        message:
          "a chat id is 6281234567890@c.us (a person, by the number in international form), …@lid (a person) or …@g.us (a group)",
      },
    ],
  });
}
