declare global {
  interface String {
    /** ES2024, which Node has since 20. */
    isWellFormed(): boolean;
    toWellFormed(): string;
  }
}

/** Half of a character in UTF-16; in a text of whole characters there is none. */
const HALF = /\p{Surrogate}/u;
/** What JSON escapes: a unit of UTF-16, or one character. */
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|[^u])/g;

/** Where a text of JSON holds half a character (a lone surrogate), escaped or not; -1: nowhere. Linear, and reads no structure. */
export function findHalf(json: string): number {
  if (!json.isWellFormed()) return json.search(HALF);
  // Most texts escape nothing, and large ones are a file's bytes.
  if (!json.includes(String.raw`\u`)) return -1;
  /** A first half, and where its second has to follow. */
  let first: { at: number; end: number } | null = null;
  for (const { index, 0: escape, 1: hex } of json.matchAll(ESCAPE)) {
    const unit = hex === undefined ? 0 : Number.parseInt(hex, 16);
    const isSecond = unit >= 0xdc00 && unit <= 0xdfff;
    if (first !== null && !(isSecond && index === first.end)) return first.at;
    if (first === null && isSecond) return index;
    first = unit >= 0xd800 && unit <= 0xdbff ? { at: index, end: index + escape.length } : null;
  }
  return first?.at ?? -1;
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
