import { isUtf8 } from "node:buffer";
import { fileTypeFromBuffer } from "file-type";

/** The type that the bytes tell by themselves; undefined where they tell none, as most texts do. */
export async function typeInBytes(bytes: Buffer): Promise<string | undefined> {
  const found = (await fileTypeFromBuffer(bytes))?.mime as string | undefined;
  if (found === undefined || (!WRITTEN.test(found) && isText(bytes))) return undefined;
  if (!MP4.test(found)) return found;
  const tracks = tracksOf(bytes);
  if (tracks.has("vide")) return found.startsWith("audio/") ? "video/mp4" : found;
  return tracks.has("soun") ? "audio/mp4" : found;
}

/** Formats whose files may start as a text. */
const WRITTEN =
  /^(text\/.*|application\/(pdf|xml|rtf|postscript|eps|pgp-encrypted|x-ms-regedit|vnd\.sketchup\.skp))$/;

/** As much as the library looks at. */
const START = 4_100;

/**
 * Whether the bytes start as a text. Some formats are known by two letters, or by a G in two places: the table that begins
 * with "MAC address" is not Monkey's Audio, and UTF-16 is not MPEG.
 */
const isText = (bytes: Buffer) =>
  isUtf16(bytes) ||
  bytes.subarray(0, START).every((byte) => byte >= 0x20 || (byte >= 0x08 && byte <= 0x0d) || byte === 0x1b);
const isUtf16 = (bytes: Buffer) => ["fffe", "feff"].includes(bytes.toString("hex", 0, 2));

/** Whether the bytes are a text whose encoding is known. */
export const isReadable = (bytes: Buffer): boolean => isText(bytes) && (isUtf16(bytes) || isUtf8(bytes));

/** What the brand of an MP4 makes of it. Programs give a sound, or a film, whichever brand they like. */
const MP4 = /^(audio\/(mp4|x-m4a)|video\/(mp4|x-m4v|3gpp2?|quicktime))$/;

/** Boxes of an MP4, each in the one before, in which a track's handler stands (ISO/IEC 14496-12). */
const WAY = ["moov", "trak", "mdia"];

/** Boxes that are looked at: a film has some hundreds, and those that come before its tracks are few. */
const MAX_BOXES = 10_000;

/** Kinds of tracks of an MP4 (`vide`, `soun`), from their handlers. The pictures of an audiobook's chapters are a disabled track. */
function tracksOf(bytes: Buffer): Set<string> {
  const kinds = new Set<string>();
  let isEnabled = true;
  let boxes = 0;
  const walk = (from: number, to: number, depth: number): void => {
    for (let at = from; at + 8 <= to && ++boxes <= MAX_BOXES;) {
      const name = bytes.toString("latin1", at + 4, at + 8);
      const short = bytes.readUInt32BE(at);
      const isLong = short === 1 && at + 16 <= to;
      const size = short === 0 ? to - at : isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short;
      const inside = at + (isLong ? 16 : 8);
      const end = Math.min(at + size, to);
      if (size < inside - at) return;
      if (name === "trak") isEnabled = true;
      if (name === "tkhd" && inside + 4 <= end) isEnabled = (bytes[inside + 3]! & 1) === 1;
      if (name === WAY[depth]) walk(inside, end, depth + 1);
      if (depth === WAY.length && name === "hdlr" && inside + 12 <= end && isEnabled)
        kinds.add(bytes.toString("latin1", inside + 8, inside + 12));
      at = end;
    }
  };
  walk(0, bytes.length, 0);
  return kinds;
}
