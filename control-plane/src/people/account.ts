import { parsePhoneNumberFromString } from "libphonenumber-js/max";
import { isSameNumber } from "./forms.ts";

/**
 * Whether the linked account is the one that must be linked. `different` only when it is certain: another country,
 * or last eight digits that differ. The two ways in which one number is written at WhatsApp are the `same`. Where the number is
 * not known, or the same but for its beginning, it is `doubtful`: flagged, never logged out.
 */
export function compareAccounts(expected: string, linked: string | null): "same" | "different" | "doubtful" {
  if (linked === null) return "doubtful";
  if (isSameNumber(expected, linked)) return "same";
  const [a, b] = [expected, linked].map((digits) => parsePhoneNumberFromString(`+${digits}`));
  if (!a || !b) return "doubtful";
  if (a.countryCallingCode !== b.countryCallingCode) return "different";
  return a.nationalNumber.slice(-8) === b.nationalNumber.slice(-8) ? "doubtful" : "different";
}
