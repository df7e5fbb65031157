import type { AppError } from "@whatsapp-engine/contract/api";
import type { CountryCode } from "libphonenumber-js/max";
import { describe, expect, it } from "vitest";
import { toRecipient } from "./recipient.ts";

type Case = [text: string, recipient: string, defaultCountry?: CountryCode];

const refusal = (text: string, defaultCountry: CountryCode): AppError => {
  try {
    toRecipient(text, "recipients.7.to", defaultCountry);
  } catch (error) {
    return error as AppError;
  }
  throw new Error(`${JSON.stringify(text)} was not refused.`);
};

describe("one reading", () => {
  it.each<Case>([
    ["6281234567890", "6281234567890"],
    ["+62 812-3456-7890", "6281234567890"],
    ["  0812 3456 7890 ", "6281234567890"],
    ["0812.3456.7890", "6281234567890"],
    ["+1 (415) 555-2671", "14155552671"],
    ["8121234567", "628121234567"], // as a Japanese number it would be too short
    ["62812345678", "62812345678"], // read nationally it is a fixed line; callers mean the country
    ["0171/1234567", "491711234567", "DE"],
    ["06.12.34.56.78", "33612345678", "FR"],
    ["8 (912) 345-67-89", "79123456789", "RU"],
    ["8 (495) 123-45-67", "74951234567", "RU"], // of Vietnam, if it were not dialled so at home
    ["8-495-123-45-67", "74951234567", "RU"],
    ["06 20 123 4567", "36201234567", "HU"],
    ["(201) 555-0123", "12015550123", "US"], // brackets stand around an area
    ["01162812345678", "62812345678", "US"], // as one dials from there
  ])("%s", (text, recipient, country = "ID") => {
    expect(toRecipient(text, "to", country)).toBe(recipient);
  });

  it.each<Case>([
    ["006281234567890", "6281234567890"],
    ["0062 812 3456 7890", "6281234567890", "DE"],
    ["00 44 7911 123456", "447911123456"],
    ["0011 62 812 3456 7890", "6281234567890", "AU"],
    ["001 44 7911 123456", "447911123456"],
  ])("%s: 00 stands for +", (text, recipient, country = "ID") => {
    expect(toRecipient(text, "to", country)).toBe(recipient);
  });

  it.each<Case>([
    ["+62 0812-3456-7890", "6281234567890"],
    ["(+62) 0812 3456 7890", "6281234567890", "US"],
    ["+49 (0)171 1234567", "491711234567"],
    ["+39 06 123 4567", "39061234567"], // where it is part of the number it stays
  ])("%s: the national zero behind a country's code is left out", (text, recipient, country = "ID") => {
    expect(toRecipient(text, "to", country)).toBe(recipient);
  });

  it.each<Case>([
    ["(11) 98765-4321", "5511987654321", "BR"],
    ["5512345678", "525512345678", "MX"],
    ["011 15 2345-6789", "5491123456789", "AR"],
    ["9075550123", "19075550123", "US"],
  ])("%s: national, though it begins as an international number", (text, recipient, country = "ID") => {
    expect(toRecipient(text, "to", country)).toBe(recipient);
  });

  it.each<Case>([
    ["62\u{A0}812\u{200B}3456\u{2011}7890", "6281234567890"],
    ["\u{202A}+62 812\u{2013}3456\u{2009}7890\u{202C}", "6281234567890"],
    ["\u{FEFF}081234567890", "6281234567890"],
    ["\u{FF0B}\u{FF16}\u{FF12}\u{FF18}\u{FF11}\u{FF12}34567890", "6281234567890"],
    ["٠٨١٢٣٤٥٦٧٨٩٠", "6281234567890"],
    ["۰۸۱۲۳۴۵۶۷۸۹۰", "6281234567890"],
  ])("%j: what cannot be seen, and digits of other scripts", (text, recipient) => {
    expect(toRecipient(text, "to", "ID")).toBe(recipient);
  });
});

describe("numbers as WhatsApp writes them, which no numbering plan has", () => {
  it.each<Case>([
    ["5215512345678", "5215512345678"],
    ["+52 1 55 1234 5678", "5215512345678"],
    ["5215512345678", "5215512345678", "MX"],
    ["551187654321", "551187654321"],
    ["(11) 8765-4321", "551187654321", "BR"],
    ["551187654321", "551187654321", "BR"],
    ["541123456789", "541123456789"],
  ])("%s", (text, recipient, country = "ID") => {
    expect(toRecipient(text, "to", country)).toBe(recipient);
  });

  it("a number with its + that the tables do not have yet is WhatsApp's to know", () => {
    expect(toRecipient("+1 555 123 4567", "to", "ID")).toBe("15551234567");
  });
});

describe("chat ids", () => {
  it.each<Case>([
    ["6281234567890@c.us", "6281234567890"],
    ["6281234567890@s.whatsapp.net", "6281234567890"],
    ["6281234567890:12@c.us", "6281234567890"],
    ["6281234567890.0:12@s.whatsapp.net", "6281234567890"],
    ["123456789012345:3@lid", "123456789012345@lid"],
    ["123456789012345@lid", "123456789012345@lid"],
    ["4479111234567@c.us", "4479111234567"], // no number of today's plans, but an id may be older than they are
    ["120363041234567890@g.us", "120363041234567890@g.us"],
    ["6281234567890-1512345678@g.us", "6281234567890-1512345678@g.us"],
  ])("%s", (text, recipient) => {
    expect(toRecipient(text, "to", "ID")).toBe(recipient);
  });

  it.each([
    "-----@c.us",
    "081234567890@c.us",
    "+6281234567890@c.us",
    "0062812@c.us",
    "6281234567890@evil.com",
    "6281234567890@c.us.evil.com",
    "6281234567890@c.us,6281234567891@c.us",
    "6281234567890:x@c.us",
    "../x@c.us",
    "status@broadcast",
    "@c.us",
    "12345@g.us@c.us",
    `${"1".repeat(70)}@lid`,
  ])("refuses %s", (text) => {
    expect(refusal(text, "ID")).toMatchObject({
      code: "invalid_phone_number",
      details: [{ field: "recipients.7.to" }],
    });
  });
});

describe("refuses, and says why", () => {
  it.each<[text: string, why: RegExp, defaultCountry?: CountryCode]>([
    ["", /is empty/],
    ["   ", /is empty/],
    ["abc", /something else than digits/],
    ["+62", /no country/],
    ["12", /no number of Indonesia/],
    ["628123456789.0", /decimals/],
    ["081234567890,00", /decimals/],
    ["6,28E+12", /spreadsheet has rounded/],
    ["6.28123456789e12", /spreadsheet has rounded/],
    ["81234567890", /\+81 234 56 7890 \(Japan\), or \+62 812 3456 7890 \(Indonesia\)/],
    ["84951234567", /\+84 95 123 45 67 \(Vietnam\), or \+7 495 123 45 67 \(Russia\)|Vietnam.*Russia/, "RU"],
    ["81088043178262", /\+880 431 78262 \(Bangladesh\), or \+7 8108 8043 178 262 \(Russia\)/, "RU"],
    ["2015550123", /\+20 15 550123 \(Egypt\), or \+1 201 555 0123 \(United States\)/, "US"],
    ["001 65 9234 5678", /\+1 659 234 5678 .*, or \+65 9234 5678 \(Singapore\)/],
    ["+39 (0)345 478 2979", /\+39 0345 478 2979 \(Italy\), or \+39 345 478 2979 \(Italy\)/],
    ["0081234567890", /\+81 234 56 7890 \(Japan\), or \+62 812 3456 7890 \(Indonesia\)/],
    ["+62 812345678.0", /decimals/, "US"],
    ["6 281 234 567.00", /decimals/],
    ["6281234567.000", /decimals/],
    ["08123456789\t2", /something else/],
    ["0812-3456-789 (2)", /something stands behind/],
    ["021-5551234-5", /something stands behind/],
    ["(021) 98765-43210", /carrier/, "BR"],
    ["(346) 212-3456-7", /no number of United States/, "US"],
    ["(639) 442-1016 17", /no number of Canada/, "CA"],
    ["2024/000105", /slash/, "US"],
    ["5655098/5099", /slash/, "EE"],
    ["2024-03-15", /date/, "DK"],
    ["28.03.2024", /date/, "DK"],
    ["4479111234567", /no number of Indonesia/],
    ["55119876543210", /no number of Indonesia/],
    ["+55119876543210", /no country/],
    ["06281234567890", /no number of Indonesia/],
    ["62812345678901234567", /no number of Indonesia/],
    ["0812-3456-7890 / 0813-4567-8901", /more than one number/],
    ["021-5551234/5", /something stands behind/],
    ["0812/3456/7890", /more than one number/],
    ["+6281234567890+6281234567891", /a \+ stands/],
    ["+6281234567890 or +6281234567891", /something else/],
    ["081234567890;ext=5", /something else/],
    ["08١٢٣x", /something else/],
    ["0812\n34567890", /something else/],
    ["①②③④⑤⑥⑦⑧", /something else/],
    ["9".repeat(65), /longer than 64/],
  ])("%j", (text, why, country = "ID") => {
    const { code, message, details } = refusal(text, country);
    expect(code).toBe("invalid_phone_number");
    expect(message).toMatch(why);
    expect(message).toMatch(/^recipients\.7\.to is not a phone number/);
    expect(details).toMatchObject([{ field: "recipients.7.to" }]);
    expect(JSON.stringify(details).length).toBeLessThan(400);
  });
});
