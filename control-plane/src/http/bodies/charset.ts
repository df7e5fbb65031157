import iconv from "iconv-lite";
import { giveWay } from "../../lib/turns.ts";

/** What is decoded at once; 20 MB that are no ASCII take 150 ms. */
const PIECE_BYTES = 512 * 1024;
const UTF8 = /^utf-?8$/i;

/** As it is named back to who declared it. */
const named = (charset: string) => charset.slice(0, 40);

/**
 * Reads bytes as text by their charset. What cannot be read so is refused: who is told mends it, and a message of replacement
 * characters is nobody's. Gives way to others between its pieces. Throws what `refuse` makes of the reason.
 */
export async function decodeText(
  bytes: Uint8Array,
  charset: string | undefined,
  refuse: (why: string, cause?: unknown) => Error,
): Promise<string> {
  if (charset === undefined) charset = utf16MarkedIn(bytes);
  if (charset === undefined || UTF8.test(charset)) {
    try {
      const utf8 = new TextDecoder("utf-8", { fatal: true });
      if (bytes.length <= PIECE_BYTES) return utf8.decode(bytes);
      return await inPieces(
        bytes,
        (piece) => utf8.decode(piece, { stream: true }),
        () => utf8.decode(),
      );
    } catch (cause) {
      throw refuse("is not UTF-8; send it so, or name its charset in Content-Type", cause);
    }
  }
  if (!iconv.encodingExists(charset))
    throw refuse(`names a charset that is not known (${named(charset)}); send UTF-8`);
  // Node's own decoder reads windows-1252 as Latin 1 (nodejs/node 56542).
  const decoder = iconv.getDecoder(charset);
  const text = await inPieces(
    bytes,
    (piece) => decoder.write(Buffer.from(piece)),
    () => decoder.end() ?? "",
  );
  if (text.includes("\u{FFFD}")) throw refuse(`is not ${named(charset)}, as its Content-Type says`);
  return text;
}

async function inPieces(
  bytes: Uint8Array,
  decode: (piece: Uint8Array) => string,
  end: () => string,
): Promise<string> {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await giveWay();
    texts.push(decode(bytes.subarray(at, at + PIECE_BYTES)));
  }
  return texts.join("") + end();
}

/** A byte order mark says it as plainly as a header; so spreadsheets save "Unicode text". */
const utf16MarkedIn = ([first, second]: Uint8Array): string | undefined =>
  first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : undefined;

/** The charset that a Content-Type declares. */
export const charsetOf = (contentType: string): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1];
