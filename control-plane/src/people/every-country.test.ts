import { array, assert, constantFrom, integer, property } from "fast-check";
import examples from "libphonenumber-js/mobile/examples";
import { getCountries, getCountryCallingCode, getExampleNumber } from "libphonenumber-js/max";
import { describe, expect, it } from "vitest";
import { isNumber, otherFormOf } from "./forms.ts";
import { toDigits } from "./recipient.ts";
import { certain, digitsOf, open, read, with00, withTrunk } from "./test-support/ways.ts";

/** A mobile number of each country, of the library's own examples. */
const numbers = getCountries().flatMap((country) => getExampleNumber(country, examples) ?? []);
const countries = getCountries();

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

it("any digits behind the default country's code: read as with a plus, and then a number, or by the rules for others", () => {
  const digits = array(integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 11 });
  assert(
    property(constantFrom(...getCountries()), digits, (country, rest) => {
      const written = getCountryCallingCode(country) + rest.join("");
      const [bare, plus] = [written, `+${written}`].map((text) => {
        try {
          return toDigits(text, "to", country);
        } catch {
          return null;
        }
      });
      if (bare === written) expect(plus).toBe(written);
      if (plus === written && isNumber(written)) expect(bare).toBe(written);
    }),
    { numRuns: 20_000 },
  );
});
