import { assert, constantFrom, property } from "fast-check";
import examples from "libphonenumber-js/mobile/examples";
import {
  getCountries,
  getCountryCallingCode,
  getExampleNumber,
  type CountryCode,
  type PhoneNumber,
} from "libphonenumber-js/max";
import { describe, expect, it } from "vitest";
import { otherFormOf } from "./forms.ts";
import { toRecipient } from "./recipient.ts";

/** A mobile number of each country, of the library's own examples. */
const numbers = getCountries().flatMap((country) => getExampleNumber(country, examples) ?? []);
const countries = getCountries();

const fullWidth = (text: string) =>
  text.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
const arabic = (text: string) =>
  text.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit)));
const digitsOf = ({ number }: PhoneNumber) => number.slice(1);
/** As one dials inside the country; null where nobody puts anything before the number there. */
const withTrunk = (number: PhoneNumber) => {
  const national = number.formatNational();
  return national.replaceAll(/\D/g, "") === number.nationalNumber ? null : national;
};

/** These leave no doubt of the country. */
const certain: Record<string, (number: PhoneNumber) => string> = {
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

/** These do, where the country is not the default one. */
/** Said for sure, but where 00 is dialled before a carrier: there a number that may be two people is refused. */
const with00: Record<string, (number: PhoneNumber) => string> = {
  "with 00": (number) => `00${digitsOf(number)}`,
  "with 00 and spaces": (number) => number.formatInternational().replace("+", "00 "),
};

const open: Record<string, (number: PhoneNumber) => string> = {
  digits: digitsOf,
  "digits with spaces": (number) => number.formatInternational().slice(1),
  "digits of full width": (number) => fullWidth(digitsOf(number)),
  "digits in groups of four": (number) => digitsOf(number).replaceAll(/(\d{4})(?=\d)/g, "$1-"),
};

const read = (text: string, defaultCountry: CountryCode): string | null => {
  try {
    return toRecipient(text, "to", defaultCountry);
  } catch {
    return null;
  }
};

describe("a number of every country", () => {
  const anyNumber = constantFrom(...numbers);
  const anyCountry = constantFrom(...countries);

  it(`${Object.keys(certain).length} ways that say the country: the same person, whatever the default is`, () => {
    assert(
      property(anyNumber, anyCountry, constantFrom(...Object.keys(certain)), (number, country, way) => {
        expect(read(certain[way]!(number), country), way).toBe(digitsOf(number));
      }),
      { numRuns: 20_000 },
    );
  });

  it(`${Object.keys(open).length} ways that do not: the same person, or nobody; never refused where it is the default country's`, () => {
    assert(
      property(anyNumber, anyCountry, constantFrom(...Object.keys(open)), (number, country, way) => {
        const isOwn = getCountryCallingCode(country) === number.countryCallingCode;
        const person = read(open[way]!(number), country);
        if (isOwn || person !== null) expect(person, `${way}, ${country}`).toBe(digitsOf(number));
      }),
      { numRuns: 20_000 },
    );
  });

  it("with 00: the same person, or nobody", () => {
    assert(
      property(anyNumber, anyCountry, constantFrom(...Object.keys(with00)), (number, country, way) => {
        const person = read(with00[way]!(number), country);
        if (person !== null) expect(person, `${way}, ${country}`).toBe(digitsOf(number));
      }),
      { numRuns: 10_000 },
    );
    // Where no carrier is dialled before it, it is never refused.
    for (const number of numbers) expect(read(`00${digitsOf(number)}`, "DE")).toBe(digitsOf(number));
  });

  it("as one dials at home: the same person, where that is the default country", () => {
    const dialled = numbers.filter((number) => withTrunk(number) !== null);
    expect(dialled.length).toBeGreaterThan(100);
    for (const number of dialled)
      expect(read(withTrunk(number)!, number.country!), number.number).toBe(digitsOf(number));
  });

  it("without what one dials before it at home: the same person, or nobody", () => {
    for (const number of numbers) {
      const person = read(number.nationalNumber, number.country!);
      if (person !== null) expect(person, number.number).toBe(digitsOf(number));
    }
  });

  it("as WhatsApp writes it: never refused as an id, and the same person back", () => {
    for (const number of numbers) {
      const other = otherFormOf(digitsOf(number));
      if (other === null) continue;
      expect(read(`+${other}`, "ID")).toBe(other);
      expect(read(`${other}@c.us`, "ID")).toBe(other);
      expect(otherFormOf(other)).toBe(digitsOf(number));
    }
  });
});
