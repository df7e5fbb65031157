import iconv from "iconv-lite";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const UTF8 = /^utf-?8$/i;

/** As it is named back to who declared it. */
const named = (charset: string) => charset.slice(0, 40);

/**
 * Reads bytes as text by their charset. What cannot be read so is refused: who is told mends it, and a message of replacement
 * characters is nobody's. Throws what `refuse` makes of the reason.
 */
export function decodeText(
  bytes: Uint8Array,
  charset: string | undefined,
  refuse: (why: string, cause?: unknown) => Error,
): string {
  if (charset === undefined) charset = utf16MarkedIn(bytes);
  if (charset === undefined || UTF8.test(charset)) {
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw refuse("is not UTF-8; send it so, or name its charset in Content-Type", cause);
    }
  }
  if (!iconv.encodingExists(charset))
    throw refuse(`names a charset that is not known (${named(charset)}); send UTF-8`);
  // Node's own decoder reads windows-1252 as Latin 1 (nodejs/node 56542).
  const text = iconv.decode(Buffer.from(bytes), charset);
  if (text.includes("\u{FFFD}")) throw refuse(`is not ${named(charset)}, as its Content-Type says`);
  return text;
}

/** A byte order mark says it as plainly as a header; so spreadsheets save "Unicode text". */
const utf16MarkedIn = ([first, second]: Uint8Array): string | undefined =>
  first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : undefined;

/** The charset that a Content-Type declares. */
export const charsetOf = (contentType: string): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1];
