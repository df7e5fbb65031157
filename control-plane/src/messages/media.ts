import { createHash } from "node:crypto";
import { fileTypeFromBuffer, supportedMimeTypes } from "file-type";
import { AppError, type MessageType, type SendMessage } from "@whatsapp-engine/contract";
import { tooLarge, type MediaFetcher } from "./media-fetch.ts";

export type Media = { bytes: Buffer; sha256: string; mimetype: string; filename: string | null };

type Formats = {
  /** MIME types as they are found in the bytes, and as they are sent. */
  types: Readonly<Record<string, string>>;
  /** For people, after what the bytes are. */
  rule: string;
};

const as = (...types: string[]) => Object.fromEntries(types.map((type) => [type, type]));

/**
 * What WhatsApp shows as the kind that was asked for: the formats its clients play
 * (developers.facebook.com/docs/whatsapp/cloud-api/reference/media), and what its Web lets one choose besides. A document
 * may be anything.
 */
const FORMATS: Partial<Record<MessageType, Formats>> = {
  image: {
    types: as("image/jpeg", "image/png", "image/webp", "image/gif"),
    rule: "an image must be JPEG, PNG, WebP or GIF",
  },
  video: {
    types: { ...as("video/mp4", "video/3gpp", "video/quicktime"), "video/x-m4v": "video/mp4" },
    rule: "a video must be MP4, 3GP or MOV",
  },
  audio: {
    types: {
      ...as("audio/mpeg", "audio/aac", "audio/mp4", "audio/amr"),
      "audio/x-m4a": "audio/mp4",
      "audio/ogg; codecs=opus": "audio/ogg",
    },
    rule: "an audio must be MP3, AAC, M4A, AMR or Ogg with Opus; anything else can be sent as a document",
  },
  voice: {
    types: { "audio/ogg; codecs=opus": "audio/ogg" },
    rule: "a voice note must be Ogg with Opus; `ffmpeg -i in.mp3 -c:a libopus out.ogg` makes one",
  },
  sticker: { types: as("image/webp"), rule: "a sticker must be WebP, 512 by 512" },
};
/** Other names of the same types. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "audio/mp3": "audio/mpeg",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "audio/opus": "audio/ogg",
  "video/x-m4v": "video/mp4",
};

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
  const source = await bytesOf(media, fetcher, maxBytes);
  const { bytes } = source;
  if (bytes.length === 0) throw invalid("media", "the media is empty");
  // What stands behind it, such as a charset, is not for WhatsApp.
  const given = media.mimetype?.split(";")[0]!.trim().toLowerCase();
  const mimetype = await checkType(type, bytes, given, source.mimetype);
  return {
    bytes,
    mimetype,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    filename: media.filename ?? source.filename,
  };
}

async function bytesOf(
  { base64, url, bytes }: NonNullable<SendMessage["media"]>,
  fetcher: MediaFetcher,
  maxBytes: number,
) {
  if (url !== undefined) return fetcher.fetch(url);
  if (bytes === undefined) return decodeBase64(base64 ?? "", maxBytes);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer, mimetype: null, filename: null };
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
  const formats = FORMATS[type];
  if (formats) {
    const sentAs = found === undefined ? undefined : formats.types[found];
    if (sentAs === undefined) throw invalid("media", `is ${found ?? "in no known format"}; ${formats.rule}`);
    if (given !== undefined && (ALIASES[given] ?? given) !== sentAs)
      throw invalid("media.mimetype", `says ${given}, but the bytes are ${found}`);
    return sentAs;
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
