import mime from "mime";
import { AppError, type MessageType } from "@whatsapp-engine/contract/api";
import { isReadable, typeInBytes } from "./type-in-bytes.ts";
import { isBuiltOn, isSameFamily, isSameType } from "./type-names.ts";

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
    types: { ...as("image/jpeg", "image/png", "image/webp", "image/gif"), "image/apng": "image/png" },
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

const MIMETYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/** Longest type that is looked at. */
const MAX_TYPE = 127;

/** What says nothing: defaults of servers, forms and browsers. */
const GENERIC =
  /^(application\/(octet-stream|binary|x-binary|unknown|x-unknown|download|x-download|force-download)|binary\/octet-stream|multipart\/form-data|\*\/\*)$/;

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
  // A text is what a form calls each part that has no type.
  if (isTelling(given) && given !== "text/plain" && !isSameFamily(given, sentAs))
    throw invalid("media.mimetype", `says ${given}, but the bytes are ${found}`);
  return sentAs;
}

const bare = (type: string | null | undefined) => type?.split(";")[0]!.trim().toLowerCase();
const isTelling = (type: string | undefined): type is string =>
  type !== undefined && type !== "" && type.length <= MAX_TYPE && !GENERIC.test(type);

function documentType(
  found: string | undefined,
  bytes: Buffer,
  { given, fromSource, filename }: Declared,
): string {
  const byName = (filename !== null && mime.getType(filename)) || undefined;
  const named = isTelling(byName) ? byName : undefined;
  const source = bare(fromSource);
  const told = [given, source].find(
    // As above; its name may know better.
    (type) => isTelling(type) && MIMETYPE.test(type) && !(type === "text/plain" && named !== undefined),
  );
  if (found === undefined)
    return told ?? named ?? (isReadable(bytes) ? "text/plain" : "application/octet-stream");
  const built = [told, named].find((type) => type !== undefined && isBuiltOn(found, type));
  return built ?? (told !== undefined && isSameType(told, found) ? told : bare(found)!);
}
