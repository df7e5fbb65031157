/** Half a character as JSON escapes it. */
const ESCAPED_HALF = /\\u[dD][89a-fA-F]/;
/** In a text of whole characters there is none. */
const HALF = /\p{Surrogate}/u;

/** Whether a text of JSON may hold half a character (a lone surrogate of UTF-16); not where it holds none for sure. */
export const mayHoldHalves = (json: string): boolean => ESCAPED_HALF.test(json);

/**
 * JSON in which halves of characters are replaced (U+FFFD): what strangers write may hold some, and neither a database nor another
 * language can keep them. Throws `SyntaxError`.
 */
export const parseWellFormed = (json: string): unknown =>
  mayHoldHalves(json)
    ? JSON.parse(json, (_, value: unknown) =>
        typeof value === "string" ? value.replaceAll(new RegExp(HALF, "gu"), "\u{FFFD}") : value,
      )
    : JSON.parse(json);

/** The first half of a character in a value that was parsed: in which field, and at which position of its text; null: none. */
export function findHalf(value: unknown, path: readonly string[] = []): { field: string; at: number } | null {
  if (typeof value === "string") {
    const at = value.search(HALF);
    return at === -1 ? null : { field: path.join("."), at };
  }
  if (typeof value !== "object" || value === null) return null;
  for (const [name, field] of Object.entries(value)) {
    const found = findHalf(name, path) ?? findHalf(field, [...path, name]);
    if (found) return found;
  }
  return null;
}
