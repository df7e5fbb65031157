import { createHash } from "node:crypto";
import { fileTypeFromBuffer, supportedMimeTypes } from "file-type";
import { AppError, type MessageType, type SendMessage } from "@whatsapp-engine/contract";
import { tooLarge, type MediaFetcher } from "./media-fetch.ts";

export type Media = { bytes: Buffer; sha256: string; mimetype: string; filename: string | null };

/** What WhatsApp shows as a picture. */
const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
/** Formats that other formats are built on; a file of the outer type is not mislabelled. */
const CONTAINER_TYPES = ["application/zip", "application/xml", "application/x-cfb", "application/gzip"];
const MIMETYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/**
 * The bytes of a message's media, from base64 or URL, with a type that its first bytes do not contradict.
 * Throws `invalid_media`, `media_too_large`, and what the fetcher throws.
 */
export async function readMedia(
  type: MessageType,
  media: NonNullable<SendMessage["media"]>,
  { fetcher, maxBytes }: { fetcher: MediaFetcher; maxBytes: number },
): Promise<Media> {
  const source =
    media.url === undefined ? decodeBase64(media.base64 ?? "", maxBytes) : await fetcher.fetch(media.url);
  const { bytes } = source;
  if (bytes.length === 0) throw invalid("media", "the media is empty");
  const mimetype = await checkType(type, bytes, media.mimetype?.toLowerCase(), source.mimetype);
  return {
    bytes,
    mimetype,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    filename: media.filename ?? source.filename,
  };
}

function decodeBase64(text: string, maxBytes: number) {
  const [, declared, encoded = text] = /^data:([^;,]+)(?:;[^,]*)?;base64,(.*)$/s.exec(text) ?? [];
  if (encoded.length > Math.ceil(maxBytes / 3) * 4 + 4) throw tooLarge(maxBytes);
  const bytes = Buffer.from(encoded, "base64");
  // What is no base64 is skipped or ends the decoding, so that bytes are missing.
  const padding = encoded.endsWith("==") ? 2 : encoded.endsWith("=") ? 1 : 0;
  const digits = encoded.length - padding;
  if (digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4))
    throw invalid("media.base64", "is not base64");
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return { bytes, mimetype: declared?.toLowerCase() ?? null, filename: null };
}

async function checkType(
  type: MessageType,
  bytes: Buffer,
  given: string | undefined,
  fromSource: string | null,
) {
  if (given !== undefined && !MIMETYPE.test(given))
    throw invalid("media.mimetype", "is not a MIME type such as image/png");
  const found = (await fileTypeFromBuffer(bytes))?.mime as string | undefined;
  if (type === "image") {
    if (found === undefined || !IMAGE_TYPES.includes(found)) {
      throw invalid(
        "media",
        `is ${found ?? "no known picture format"}; an image must be JPEG, PNG, WebP or GIF`,
      );
    }
    if (given !== undefined && given !== found)
      throw invalid("media.mimetype", `says ${given}, but the bytes are ${found}`);
    return found;
  }
  const declared = given ?? (fromSource && MIMETYPE.test(fromSource) ? fromSource : undefined);
  const recognisable = given !== undefined && (supportedMimeTypes as ReadonlySet<string>).has(given);
  if (recognisable && found !== given && !(found && CONTAINER_TYPES.includes(found))) {
    throw invalid("media.mimetype", `says ${given}, but the bytes are ${found ?? "something else"}`);
  }
  return declared ?? found ?? "application/octet-stream";
}

const invalid = (field: string, message: string) =>
  new AppError("invalid_media", `${field} ${message}.`, { details: [{ field, message }] });
