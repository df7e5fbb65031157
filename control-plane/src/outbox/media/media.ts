import { createHash, webcrypto } from "node:crypto";
import { AppError, type MessageType, type SendMessage } from "@whatsapp-engine/contract/api";
import { tooLarge, type MediaFetcher } from "./media-fetch.ts";
import { giveWay } from "../../lib/turns.ts";
import { mediaTypeOf } from "./media-type.ts";

export type Media = { bytes: Buffer; sha256: string; mimetype: string; filename: string | null };

/**
 * The bytes of a message's media, from base64 or URL, with the type that it is sent as.
 * Throws `invalid_media`, `media_too_large`, and what the fetcher throws.
 */
export async function readMedia(
  type: MessageType,
  media: NonNullable<SendMessage["media"]>,
  { fetcher, maxBytes }: { fetcher: MediaFetcher; maxBytes: number },
): Promise<Media> {
  const source = await bytesOf(media, fetcher, maxBytes);
  const { bytes } = source;
  if (bytes.length === 0) throw invalid("media", "the media is empty");
  const filename = (media.filename ?? source.filename)?.replaceAll(/\p{Surrogate}/gu, "\u{FFFD}") ?? null;
  const declared = { given: media.mimetype, fromSource: source.mimetype, filename };
  await turnFor(bytes.length);
  const mimetype = await mediaTypeOf(type, bytes, declared);
  return { bytes, mimetype, sha256: await digestOf(bytes), filename };
}

/** Each look at a file of more takes long enough to be felt by others. */
const LARGE_BYTES = 256 * 1024;
const turnFor = async (bytes: number) => void (bytes > LARGE_BYTES && (await giveWay()));

/** Of a large one in another thread: SHA-256 of 16 MB takes 10 to 50 ms. */
const digestOf = async (bytes: Buffer): Promise<string> =>
  bytes.length > LARGE_BYTES
    ? Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("hex")
    : createHash("sha256").update(bytes).digest("hex");

async function bytesOf(
  { base64, url, headers, bytes, partType }: NonNullable<SendMessage["media"]>,
  fetcher: MediaFetcher,
  maxBytes: number,
) {
  if (url !== undefined) return fetcher.fetch(url, headers);
  if (bytes === undefined) return decodeBase64(base64 ?? "", maxBytes);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer, mimetype: partType ?? null, filename: null };
}

/** What a language makes of nothing, or of an object, where a text is wanted; each could be base64. */
const NO_BASE64 = /^(null|none|nil|undefined|nan|true|false|database|\[object \w+\])$/i;

/** Base64 comes in lines; one that had spaces everywhere would be taken apart by a pattern millions of times. */
async function withoutSpaces(text: string): Promise<string> {
  if (!/\s/.test(text)) return text;
  const kept = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    if (at % LARGE_BYTES === 0) await giveWay();
    const unit = text.charCodeAt(at);
    if (unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)) continue;
    if (unit < 0x80) kept[length++] = unit;
    else if (text[at]!.trim() !== "") kept[length++] = NOT_BASE64;
  }
  return kept.toString("latin1", 0, length);
}
const NOT_BASE64 = "%".charCodeAt(0);

async function decodeBase64(text: string, maxBytes: number) {
  if (text.length > Math.ceil(maxBytes / 3) * 4 * 1.1 + 1_024) throw tooLarge(maxBytes);
  const [, declared = "", data = text] = /^\s*data:([^,]*?)(?:;base64)?,(.*)$/is.exec(text) ?? [];
  if (data.length < 40 && NO_BASE64.test(data.trim()))
    throw invalid("media.base64", `is the word ${JSON.stringify(data.trim())}, not base64`);
  await turnFor(data.length);
  const encoded = await withoutSpaces(data);
  await turnFor(data.length);
  const bytes = Buffer.from(encoded, "base64");
  // What is no base64 is skipped or ends the decoding, so that bytes are missing.
  const padding = encoded.endsWith("==") ? 2 : encoded.endsWith("=") ? 1 : 0;
  const digits = encoded.length - padding;
  if (digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4))
    throw invalid("media.base64", "is not base64");
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return { bytes, mimetype: declared.toLowerCase() || null, filename: null };
}

const invalid = (field: string, message: string) =>
  new AppError("invalid_media", `${field} ${message}.`, { details: [{ field, message }] });
