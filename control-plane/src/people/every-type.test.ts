import { assert, constantFrom, property, sample, stringMatching } from "fast-check";
import {
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString,
  type CountryCode,
  type PhoneNumber,
} from "libphonenumber-js/max";
import { describe, expect, it } from "vitest";
import { certain, digitsOf, open, read, with00, withTrunk } from "./test-support/ways.ts";

const TYPES = [
  "FIXED_LINE",
  "MOBILE",
  "TOLL_FREE",
  "PREMIUM_RATE",
  "SHARED_COST",
  "PERSONAL_NUMBER",
  "VOIP",
  "PAGER",
  "UAN",
  "VOICEMAIL",
] as const;

/** ITU-T E.164; some plans have numbers that are longer, which nobody reaches from abroad. */
const MAX_DIGITS = 15;
/** What one dials before a number at home is 8 there, which calling codes begin with too: more numbers are looked at. */
const DIALLED_BY_8: readonly CountryCode[] = ["BY", "KZ", "RU", "TM"];
/** The seed is fixed, so that the list of those refused is the same in every run. */
const runs = (country: CountryCode) => ({ numRuns: DIALLED_BY_8.includes(country) ? 200 : 20, seed: 7 });

type Plan = { type(name: string): { pattern(): string | undefined } | undefined };
type Example = { country: CountryCode; type: string; number: PhoneNumber };

/** Numbers made by the library's own pattern of the type, which holds more of a plan than its one example. */
function examplesOf(country: CountryCode, type: string): Example[] {
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country);
  const pattern = (metadata as unknown as { numberingPlan: Plan }).numberingPlan.type(type)?.pattern();
  if (!pattern) return [];
  return sample(stringMatching(new RegExp(`^(?:${pattern.replaceAll("\\d", "[0-9]")})$`)), runs(country))
    .map((national) => parsePhoneNumberFromString(`+${getCountryCallingCode(country)}${national}`))
    .filter((number) => number?.isValid() === true && number.country === country)
    .filter((number) => digitsOf(number!).length <= MAX_DIGITS)
    .map((number) => ({ country, type, number: number! }));
}
const examples = getCountries().flatMap((country) => TYPES.flatMap((type) => examplesOf(country, type)));

/**
 * Bare digits that begin with the 8 one dials at home in Russia and Belarus, and that are a number of Vietnam (84) or Bangladesh
 * (880) too: nothing says which is meant, and a guess would reach somebody else. With the 8 apart, as people write it, they are read.
 */
const MAY_BE_ABROAD = [
  "BY TOLL_FREE",
  "RU FIXED_LINE",
  "RU PERSONAL_NUMBER",
  "RU PREMIUM_RATE",
  "RU TOLL_FREE",
];
/** Gabon's mobile numbers of before 2019: the 0 belongs to the number by one pattern, and is dialled before it by the other. */
const isOldOfGabon = ({ country, number }: Example) =>
  country === "GA" && number.nationalNumber.length === 7 && /^[2-7]/.test(number.nationalNumber);

const bareDigits = (text: string) => text.replaceAll(/\D/g, "");
const pairsOf = (some: readonly Example[]) =>
  [...new Set(some.map(({ country, type }) => `${country} ${type}`))].toSorted();

describe("a number of every type of every country", () => {
  const anyExample = constantFrom(...examples);
  const anyCountry = constantFrom(...getCountries());
  const ways = { ...certain, ...with00, ...open };

  it("there are some of each type, and of each country", () => {
    expect(examples.length).toBeGreaterThan(15_000);
    expect(new Set(examples.map(({ country }) => country)).size).toBeGreaterThan(240);
    expect([...new Set(examples.map(({ type }) => type))]).toEqual(expect.arrayContaining(TYPES.slice(0, 9)));
  });

  it("in twenty ways, whatever the default is: never another subscriber", () => {
    expect(Object.keys(ways)).toHaveLength(20);
    assert(
      property(anyExample, anyCountry, constantFrom(...Object.keys(ways)), ({ number }, country, way) => {
        const person = read(ways[way]!(number), country);
        if (person !== null || way in certain) expect(person, `${way}, ${country}`).toBe(digitsOf(number));
      }),
      { numRuns: 20_000 },
    );
  });

  it("in digits that begin with the default country's code, and with +: never refused", () => {
    for (const { country, number } of examples)
      for (const way of ["E.164", ...Object.keys(open)])
        expect(read(ways[way]!(number), country), `${way}, ${country}`).toBe(digitsOf(number));
  });

  it("as one dials at home, where that is the default country: never refused, and the same person", () => {
    const dialled = examples.filter((one) => withTrunk(one.number) !== null && !isOldOfGabon(one));
    expect(dialled.length).toBeGreaterThan(8_000);
    for (const { country, number } of dialled)
      expect(read(withTrunk(number)!, country), `${number.number}, ${country}`).toBe(digitsOf(number));
  });

  it("the same in bare digits: refused are those alone that may be abroad", () => {
    const dialled = examples.filter((one) => withTrunk(one.number) !== null && !isOldOfGabon(one));
    const refused = dialled.filter(({ country, number }) => {
      const person = read(bareDigits(withTrunk(number)!), country);
      if (person !== null) expect(person, country).toBe(digitsOf(number));
      return person === null;
    });
    expect(pairsOf(refused)).toEqual(MAY_BE_ABROAD);
    for (const { number } of refused)
      expect(parsePhoneNumberFromString(`+${bareDigits(withTrunk(number)!)}`)?.isValid()).toBe(true);
  });

  it("without what one dials before it at home: the same person, or nobody", () => {
    for (const { country, number } of examples) {
      // These are international by the rule, also the free lines of Indonesia, Japan and Korea that begin with 00.
      if (number.nationalNumber.startsWith(number.countryCallingCode)) continue;
      if (number.nationalNumber.startsWith("00")) continue;
      const person = read(number.nationalNumber, country);
      if (person !== null) expect(person, `${number.nationalNumber}, ${country}`).toBe(digitsOf(number));
    }
  });
});
