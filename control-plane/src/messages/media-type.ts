import { isUtf8 } from "node:buffer";
import { fileTypeFromBuffer } from "file-type";
import mime from "mime";
import { AppError, type MessageType } from "@whatsapp-engine/contract";

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
    rule: "an image must be JPEG, PNG, WebP or GIF; anything else can be sent as a document",
  },
  video: {
    types: { ...as("video/mp4", "video/3gpp", "video/quicktime"), "video/x-m4v": "video/mp4" },
    rule: "a video must be MP4, 3GP or MOV; anything else can be sent as a document",
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
  "image/pjpeg": "image/jpeg",
  "image/x-citrix-jpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-citrix-png": "image/png",
  "audio/mp3": "audio/mpeg",
  "audio/mpeg3": "audio/mpeg",
  "audio/x-mpeg": "audio/mpeg",
  "audio/x-mp3": "audio/mpeg",
  "audio/x-aac": "audio/aac",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "audio/mp4a-latm": "audio/mp4",
  "audio/opus": "audio/ogg",
  "application/ogg": "audio/ogg",
  "audio/x-opus+ogg": "audio/ogg",
  "video/x-m4v": "video/mp4",
  "video/mpeg4": "video/mp4",
  "image/heic-sequence": "image/heic",
  "image/heif": "image/heic",
  "image/heif-sequence": "image/heic",
};
const plainName = (type: string): string => ALIASES[type] ?? type;

const MIMETYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/** Longest type that is looked at. */
const MAX_TYPE = 127;

/** What says nothing: defaults of servers, forms and browsers. */
const GENERIC =
  /^(application\/(octet-stream|binary|x-binary|unknown|x-unknown|download|x-download|force-download)|binary\/octet-stream|multipart\/form-data|\*\/\*)$/;

/** Formats that other formats are built on, each with what those are called. The name of an inner one is right for such bytes. */
const BUILT_ON: Readonly<Record<string, RegExp>> = {
  "application/zip":
    /officedocument|opendocument|oasis|epub|java-archive|android\.package|ms-(word|excel|powerpoint)\.|macroenabled|zip|kmz|iwork|vnd\.apple|usdz|comicbook/,
  "application/java-archive": /java|android\.package/,
  "application/x-cfb": /ms-|msword|visio|outlook|hwp|cfb|ole/,
  "application/xml": /xml|svg|kml|gpx|rss|atom/,
  "text/xml": /xml|svg|kml|gpx|rss|atom/,
  "application/gzip": /gzip|tar|tgz|compress/,
};

const invalid = (field: string, message: string) =>
  new AppError("invalid_media", `${field} ${message}.`, { details: [{ field, message }] });

/** What is known of a file besides its bytes. */
type Declared = {
  /** By the caller. */
  given: string | undefined;
  /** By where it comes from: a server, a data URL, the part of a form. */
  fromSource: string | null;
  filename: string | null;
};

/**
 * The type that a file is sent as: what its bytes are, else what somebody declared who knows, else what its name says. Throws
 * `invalid_media` where WhatsApp does not show it as this kind, or a type was given that its bytes contradict; a document is never
 * refused for its type.
 */
export async function mediaTypeOf(type: MessageType, bytes: Buffer, declared: Declared): Promise<string> {
  // What stands behind it, such as a charset, is not for WhatsApp.
  const given = bare(declared.given);
  if (given !== undefined && given !== "" && !MIMETYPE.test(given))
    throw invalid("media.mimetype", "is not a MIME type such as image/png");
  const found = await typeInBytes(bytes);
  const formats = FORMATS[type];
  if (!formats) return documentType(found, bytes, { ...declared, given });

  const sentAs = found === undefined ? undefined : formats.types[found];
  if (sentAs === undefined) throw invalid("media", `is ${found ?? "in no known format"}; ${formats.rule}`);
  if (isTelling(given) && plainName(given) !== sentAs)
    throw invalid("media.mimetype", `says ${given}, but the bytes are ${found}`);
  return sentAs;
}

const bare = (type: string | null | undefined) => type?.split(";")[0]!.trim().toLowerCase();
const isTelling = (type: string | undefined): type is string =>
  type !== undefined && type !== "" && type.length <= MAX_TYPE && !GENERIC.test(type);

async function typeInBytes(bytes: Buffer): Promise<string | undefined> {
  const found = (await fileTypeFromBuffer(bytes))?.mime as string | undefined;
  return found === "video/mp4" && !tracksOf(bytes).has("vide") && tracksOf(bytes).has("soun")
    ? "audio/mp4"
    : found;
}

/** Boxes of an MP4, each in the one before, in which a track's handler stands (ISO/IEC 14496-12). */
const WAY = ["moov", "trak", "mdia"];

/** Kinds of tracks of an MP4 (`vide`, `soun`), from their handlers. */
function tracksOf(bytes: Buffer): Set<string> {
  const kinds = new Set<string>();
  const walk = (from: number, to: number, depth: number): void => {
    for (let at = from; at + 8 <= to;) {
      const name = bytes.toString("latin1", at + 4, at + 8);
      const short = bytes.readUInt32BE(at);
      const isLong = short === 1 && at + 16 <= to;
      const size = short === 0 ? to - at : isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short;
      const inside = at + (isLong ? 16 : 8);
      const end = Math.min(at + size, to);
      if (size < inside - at) return;
      if (name === WAY[depth]) walk(inside, end, depth + 1);
      if (depth === WAY.length && name === "hdlr" && inside + 12 <= end)
        kinds.add(bytes.toString("latin1", inside + 8, inside + 12));
      at = end;
    }
  };
  walk(0, bytes.length, 0);
  return kinds;
}

function documentType(
  found: string | undefined,
  bytes: Buffer,
  { given, fromSource, filename }: Declared,
): string {
  const named = (filename !== null && mime.getType(filename)) || undefined;
  const source = bare(fromSource);
  const told = [given, source].find(
    // A text is what a form calls each part that has no type; its name may know better.
    (type) => isTelling(type) && MIMETYPE.test(type) && !(type === "text/plain" && named !== undefined),
  );
  if (found === undefined)
    return told ?? named ?? (isUtf8(bytes) ? "text/plain" : "application/octet-stream");
  const inner = BUILT_ON[found];
  if (inner) return [told, named].find((type) => type !== undefined && inner.test(type)) ?? found;
  return told !== undefined && plainName(told) === plainName(found) ? told : bare(found)!;
}
