import { parsePhoneNumberFromString } from "libphonenumber-js/max";

/**
 * Whether the linked account is the one that must be linked. `different` only when it is certain: another country,
 * or last eight digits that differ. Where one country writes the same line in two ways (Brazil's ninth digit,
 * Argentina's 9, Mexico's 1), or the number is not known, it is `doubtful`: flagged, never logged out.
 */
export function compareAccounts(expected: string, linked: string | null): "same" | "different" | "doubtful" {
  if (linked === null) return "doubtful";
  if (expected === linked) return "same";
  const [a, b] = [expected, linked].map((digits) => parsePhoneNumberFromString(`+${digits}`));
  if (!a || !b) return "doubtful";
  if (a.countryCallingCode !== b.countryCallingCode) return "different";
  return a.nationalNumber.slice(-8) === b.nationalNumber.slice(-8) ? "doubtful" : "different";
}
