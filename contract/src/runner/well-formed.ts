declare global {
  interface String {
    /** ES2024, which Node has since 20. */
    isWellFormed(): boolean;
    toWellFormed(): string;
  }
}

/** Half of a character in UTF-16; in a text of whole characters there is none. */
const HALF = /\p{Surrogate}/u;
const ESCAPE = String.raw`\u`;
const ESCAPE_LENGTH = 6;

/** Where a text of JSON holds half a character (a lone surrogate), escaped or not; -1: nowhere. Linear, and reads no structure. */
export function findHalf(json: string): number {
  if (!json.isWellFormed()) return json.search(HALF);
  let from = 0;
  for (let at = json.indexOf(ESCAPE); at !== -1; at = json.indexOf(ESCAPE, from)) {
    from = at + ESCAPE.length;
    if (isEscaped(json, at)) continue;
    const half = halfAt(json, at);
    if (half === null) continue;
    if (half === "second" || halfAt(json, at + ESCAPE_LENGTH) !== "second") return at;
    from = at + 2 * ESCAPE_LENGTH;
  }
  return -1;
}

/** Whether what stands there belongs to the backslash before it. */
function isEscaped(json: string, at: number): boolean {
  let before = at;
  while (json[before - 1] === "\\") before -= 1;
  return (at - before) % 2 === 1;
}

/** Which half the escape at this place is: D800 to DBFF, or DC00 to DFFF. */
function halfAt(json: string, at: number): "first" | "second" | null {
  if (json[at] !== "\\" || json[at + 1] !== "u" || (json[at + 2] !== "d" && json[at + 2] !== "D"))
    return null;
  const digit = json[at + 3] ?? "";
  return "89abAB".includes(digit) ? "first" : "cdefCDEF".includes(digit) ? "second" : null;
}

/**
 * JSON in which halves of characters are replaced (U+FFFD): what strangers write may hold some, and neither a database nor another
 * language can keep them. Throws `SyntaxError`.
 */
export const parseWellFormed = (json: string): unknown =>
  findHalf(json) === -1
    ? JSON.parse(json)
    : JSON.parse(json, (_, value: unknown) =>
        typeof value === "string" ? value.replaceAll(new RegExp(HALF, "gu"), "\u{FFFD}") : value,
      );
