import { AppError, type MessageType } from "@whatsapp-engine/contract/api";
import { beforeAll, describe, expect, it } from "vitest";
import type { MediaFetcher } from "./media-fetch.ts";
import { readMedia } from "./media.ts";
import { makeFiles, type MadeFile } from "./test-support/make-files.ts";

let files: Record<MadeFile, Buffer>;
beforeAll(async () => {
  files = await makeFiles();
}, 120_000);

const fetcher: MediaFetcher = {
  fetch: () => Promise.reject(new Error("nothing is fetched here")),
  close: async () => {},
};
type Given = Parameters<typeof readMedia>[1];
/** The type that WhatsApp gets, or "refused". */
const sentAs = (kind: MessageType, media: Given) =>
  readMedia(kind, media, { fetcher, maxBytes: 1_000_000 }).then(
    ({ mimetype }) => mimetype,
    (error: unknown) => {
      if (error instanceof AppError && error.code === "invalid_media") return "refused";
      throw error;
    },
  );

const OCTETS = "application/octet-stream";
const OFFICE = "application/vnd.openxmlformats-officedocument";
const DOCX = `${OFFICE}.wordprocessingml.document`;
const XLSX = `${OFFICE}.spreadsheetml.sheet`;
const PPTX = `${OFFICE}.presentationml.presentation`;
const ODF = "application/vnd.oasis.opendocument";
const APK = "application/vnd.android.package-archive";
const EXCEL = "application/vnd.ms-excel";
const XPS = "application/vnd.ms-xpsdocument";
const KMZ = "application/vnd.google-earth.kmz";

/** A file, the type and the name that it is given with, and what WhatsApp gets for each kind that it is sent as. */
type Row = [file: MadeFile, type: string | undefined, name: string | undefined, sent: Sent];
type Sent = Partial<Record<"image" | "video" | "audio" | "voice" | "sticker" | "document", string>>;

const SOUND: Row[] = [
  ["song.mp3", undefined, undefined, { audio: "audio/mpeg", voice: "refused", document: "audio/mpeg" }],
  ["song.mp3", "audio/x-mp3", "song.mp3", { audio: "audio/mpeg", document: "audio/x-mp3" }],
  ["song.mp3", "audio/wav", "song.wav", { audio: "refused", document: "audio/mpeg" }],
  ["bare.mp3", OCTETS, undefined, { audio: "audio/mpeg", document: "audio/mpeg" }],
  ["song.m4a", undefined, "song.m4a", { audio: "audio/mp4", video: "refused", document: "audio/mp4" }],
  ["cover.m4a", "audio/x-m4a", "cover.m4a", { audio: "audio/mp4", document: "audio/x-m4a" }],
  ["isom.m4a", "audio/mp4", "isom.m4a", { audio: "audio/mp4", video: "refused", document: "audio/mp4" }],
  ["sound.mp4", undefined, "sound.mp4", { audio: "audio/mp4", video: "refused", document: "audio/mp4" }],
  // Was refused as an audio: a program takes this type from the name, and nobody declares tracks.
  ["sound.mp4", "video/mp4", "sound.mp4", { audio: "audio/mp4", document: "audio/mp4" }],
  // These three were refused as an audio, and taken as a video without a picture, for their brand.
  ["sound-as-m4v.m4v", undefined, undefined, { audio: "audio/mp4", video: "refused", document: "audio/mp4" }],
  ["sound.3gp", "audio/3gpp", "rec.3gp", { audio: "audio/mp4", video: "refused", document: "audio/3gpp" }],
  ["sound.mov", undefined, undefined, { audio: "audio/mp4", video: "refused", document: "audio/mp4" }],
  ["opus.mp4", OCTETS, undefined, { audio: "audio/mp4", voice: "refused", document: "audio/mp4" }],
  ["song.aac", "audio/x-aac", undefined, { audio: "audio/aac", document: "audio/x-aac" }],
  ["voice.amr", undefined, "voice.amr", { audio: "audio/amr", voice: "refused", document: "audio/amr" }],
  ["opus.ogg", undefined, undefined, { audio: "audio/ogg", voice: "audio/ogg", document: "audio/ogg" }],
  ["opus.ogg", "audio/ogg; codecs=opus", "a.opus", { audio: "audio/ogg", voice: "audio/ogg" }],
  ["opus.ogg", "audio/mpeg", "a.mp3", { audio: "refused", voice: "refused", document: "audio/ogg" }],
  ["vorbis.ogg", "audio/ogg", "a.ogg", { audio: "refused", voice: "refused", document: "audio/ogg" }],
  ["flac.ogg", undefined, undefined, { audio: "refused", document: "audio/ogg" }],
  ["sound.webm", undefined, undefined, { audio: "refused", document: "video/webm" }],
  // Both were sent as films: what a browser records, and what a music player keeps.
  ["sound.webm", "audio/webm; codecs=opus", undefined, { voice: "refused", document: "audio/webm" }],
  ["sound.mka", undefined, "song.mka", { audio: "refused", document: "audio/x-matroska" }],
  ["song.flac", undefined, undefined, { audio: "refused", document: "audio/flac" }],
  ["song.wav", "audio/x-wav", "song.wav", { audio: "refused", document: "audio/wav" }],
  // Was audio/x-ms-asf, the name of the container.
  ["song.wma", undefined, "song.wma", { audio: "refused", document: "audio/x-ms-wma" }],
];

const PICTURES: Row[] = [
  ["a.jpg", undefined, undefined, { image: "image/jpeg", sticker: "refused", document: "image/jpeg" }],
  ["a.jpg", "image/pjpeg", "a.jpg", { image: "image/jpeg", document: "image/pjpeg" }],
  // Was refused as an image: a form gives this type to each part that has none.
  ["a.jpg", "text/plain", "a.jpg", { image: "image/jpeg", document: "image/jpeg" }],
  ["a.jpg", "image/png", "a.png", { image: "refused", document: "image/jpeg" }],
  ["a.png", OCTETS, "a.bin", { image: "image/png", document: "image/png" }],
  // Was refused: it is a PNG, which moves where that is understood.
  ["moving.png", "image/png", "a.png", { image: "image/png", document: "image/png" }],
  ["moving.png", "image/apng", undefined, { image: "image/png", document: "image/apng" }],
  ["a.webp", undefined, undefined, { image: "image/webp", sticker: "image/webp", document: "image/webp" }],
  ["moving.webp", OCTETS, undefined, { sticker: "image/webp" }],
  ["a.gif", undefined, undefined, { image: "image/gif", video: "refused", document: "image/gif" }],
  ["moving.gif", undefined, undefined, { image: "image/gif", sticker: "refused" }],
  ["a.bmp", undefined, "a.bmp", { image: "refused", document: "image/bmp" }],
  ["a.tiff", undefined, undefined, { image: "refused", document: "image/tiff" }],
  ["a.avif", undefined, undefined, { image: "refused", document: "image/avif" }],
  ["a.heic", "image/heif", "a.heif", { image: "refused", document: "image/heif" }],
  ["a.heic", undefined, "a.jpg", { image: "refused", document: "image/heic" }],
];

const FILMS: Row[] = [
  ["film.mp4", undefined, undefined, { video: "video/mp4", audio: "refused", document: "video/mp4" }],
  // These two were refused: a phone's film keeps its name when it is converted, or is not.
  ["film.mp4", "video/quicktime", "film.mov", { video: "video/mp4", document: "video/mp4" }],
  ["film.mov", "video/mp4", "film.mp4", { video: "video/quicktime", document: "video/quicktime" }],
  ["film.mp4", "video/webm", undefined, { video: "refused", document: "video/mp4" }],
  ["silent.mp4", OCTETS, undefined, { video: "video/mp4", audio: "refused" }],
  ["fragments.mp4", undefined, undefined, { video: "video/mp4", audio: "refused" }],
  // Was refused as a video, and taken as an audio.
  ["film-as-m4a.m4a", undefined, undefined, { video: "video/mp4", audio: "refused", document: "video/mp4" }],
  ["film.m4v", "video/x-m4v", "film.m4v", { video: "video/mp4", document: "video/x-m4v" }],
  ["film.mov", undefined, undefined, { video: "video/quicktime", document: "video/quicktime" }],
  ["film.3gp", "video/3gpp", "film.3gp", { video: "video/3gpp", document: "video/3gpp" }],
  ["film.webm", undefined, undefined, { video: "refused", document: "video/webm" }],
  ["film.mkv", undefined, "film.mkv", { video: "refused", document: "video/x-matroska" }],
  ["film.avi", undefined, "film.avi", { video: "refused", document: "video/x-msvideo" }],
  // Were video/x-ms-asf and video/mp1s.
  ["film.wmv", "video/x-ms-wmv", undefined, { video: "refused", document: "video/x-ms-wmv" }],
  ["film.mpg", undefined, "film.mpg", { video: "refused", document: "video/mpeg" }],
];

const PACKED: Row[] = [
  ["a.docx", undefined, undefined, { document: DOCX, image: "refused" }],
  ["a.docx", "application/msword", "a.doc", { document: DOCX }],
  ["letter", "application/zip", undefined, { document: DOCX }],
  ["again.docx", OCTETS, undefined, { document: DOCX }],
  ["stored.docx", undefined, undefined, { document: DOCX }],
  ["piped.docx", undefined, undefined, { document: DOCX }],
  ["bsdtar.docx", undefined, undefined, { document: DOCX }],
  ["a.xlsx", undefined, "a.bin", { document: XLSX }],
  ["a.xltx", undefined, undefined, { document: `${OFFICE}.spreadsheetml.template` }],
  ["a.pptx", undefined, undefined, { document: PPTX }],
  ["a.odt", undefined, undefined, { document: `${ODF}.text` }],
  ["a.ods", OCTETS, undefined, { document: `${ODF}.spreadsheet` }],
  ["a.epub", undefined, undefined, { document: "application/epub+zip" }],
  ["a.apk", undefined, undefined, { document: APK }],
  ["split.apk", OCTETS, "split.apk", { document: APK }],
  ["signed.apk", undefined, "signed.apk", { document: APK }],
  ["a.jar", undefined, undefined, { document: "application/java-archive" }],
  ["a.kmz", undefined, "a.kmz", { document: KMZ }],
  // Both were application/zip.
  ["a.xps", XPS, undefined, { document: XPS }],
  ["a.cbz", undefined, "a.cbz", { document: "application/x-cbr" }],
  ["deflated.zip", undefined, undefined, { document: "application/zip", image: "refused" }],
  ["deflated.zip", "application/pdf", "a.pdf", { document: "application/zip" }],
  ["stored.zip", "application/x-zip-compressed", "a.zip", { document: "application/x-zip-compressed" }],
  ["piped.zip", OCTETS, undefined, { document: "application/zip" }],
  ["locked.zip", undefined, undefined, { document: "application/zip" }],
  ["a.7z", undefined, undefined, { document: "application/x-7z-compressed" }],
  ["a.tar", undefined, undefined, { document: "application/x-tar" }],
  ["a.tgz", undefined, "a.tgz", { document: "application/gzip" }],
  ["a.csv.gz", "text/csv", "a.csv.gz", { document: "application/gzip" }],
  ["a.doc", "application/msword", undefined, { document: "application/msword" }],
  ["a.xls", OCTETS, "a.xls", { document: EXCEL }],
  // Was application/x-cfb, the name of the container: an office file with a password.
  ["locked.xlsx", undefined, "locked.xlsx", { document: XLSX }],
  ["a.pdf", undefined, undefined, { document: "application/pdf", image: "refused" }],
  ["a.pdf", "application/msword", "a.doc", { document: "application/pdf" }],
];

const TEXTS: Row[] = [
  ["a.csv", undefined, "a.csv", { document: "text/csv" }],
  ["a.csv", "text/plain", "a.csv", { document: "text/csv" }],
  ["a.csv", EXCEL, "a.csv", { document: EXCEL }],
  ["a.csv", undefined, undefined, { document: "text/plain" }],
  // These were a bitmap, Monkey's Audio, AIFF, an MP3, a GIF and MPEG-2, for two to four of their letters.
  ["bmi.csv", "text/csv", "bmi.csv", { document: "text/csv" }],
  ["mac.csv", undefined, "mac.csv", { document: "text/csv" }],
  ["form.txt", undefined, undefined, { document: "text/plain", audio: "refused" }],
  ["id3.txt", undefined, "id3.txt", { document: "text/plain", audio: "refused" }],
  ["gif.txt", undefined, "gif.txt", { document: "text/plain", image: "refused" }],
  ["grid.txt", undefined, "grid.txt", { document: "text/plain" }],
  ["latin1.txt", undefined, "latin1.txt", { document: "text/plain" }],
  ["latin1.txt", undefined, undefined, { document: OCTETS }],
  // Was an MP3, which begins with the same bits.
  ["utf16.txt", undefined, undefined, { document: "text/plain", audio: "refused" }],
  ["utf16.txt", undefined, "utf16.csv", { document: "text/csv" }],
  ["utf8.txt", OCTETS, "README", { document: "text/plain" }],
  // Was text/plain.
  ["zeros.bin", undefined, undefined, { document: OCTETS }],
  ["a.vcf", undefined, undefined, { document: "text/vcard" }],
  ["a.ics", OCTETS, undefined, { document: "text/calendar" }],
  ["a.svg", undefined, "a.svg", { document: "image/svg+xml", image: "refused" }],
  ["declared.svg", "image/svg+xml", undefined, { document: "image/svg+xml", image: "refused" }],
  // Both were application/xml.
  ["declared.html", undefined, "a.html", { document: "text/html" }],
  ["table.xls", EXCEL, "table.xls", { document: EXCEL }],
  ["a.html", undefined, "a.html", { document: "text/html" }],
  ["a.xml", "application/xml", undefined, { document: "application/xml" }],
  ["doc.kml", undefined, "doc.kml", { document: "application/vnd.google-earth.kml+xml" }],
  ["a.json", undefined, "a.json", { document: "application/json" }],
  ["a.rtf", undefined, undefined, { document: "application/rtf" }],
];

describe.each([
  ["sound", SOUND],
  ["pictures", PICTURES],
  ["films", FILMS],
  ["archives, and what is built on them", PACKED],
  ["texts", TEXTS],
])("WhatsApp gets, of %s", (_, rows) => {
  it.each(rows)("%s, given as %s and named %s: %j", async (file, mimetype, filename, expected) => {
    const about = {
      ...(mimetype !== undefined && { mimetype }),
      ...(filename !== undefined && { filename }),
    };
    const base64 = files[file].toString("base64");
    for (const [kind, type] of Object.entries(expected) as [MessageType, string][]) {
      expect({ [kind]: await sentAs(kind, { ...about, bytes: new Uint8Array(files[file]) }) }).toEqual({
        [kind]: type,
      });
      expect(await sentAs(kind, { ...about, base64 })).toBe(type);
      // What a data URL declares is as good, and never a reason to refuse.
      if (kind === "document" && mimetype !== undefined && filename === undefined)
        expect(await sentAs(kind, { base64: `data:${mimetype};base64,${base64}` })).toBe(type);
    }
  });
});

describe("every file", () => {
  const all = () => Object.entries(files).map(([name, bytes]) => ({ name, bytes: new Uint8Array(bytes) }));

  it("is a document, whatever it is given as, and what says nothing changes nothing", async () => {
    for (const { name, bytes } of all()) {
      const type = await sentAs("document", { bytes });
      for (const mimetype of ["", OCTETS, "application/x-download", "text/plain"])
        expect([name, await sentAs("document", { bytes, mimetype })]).toEqual(
          // Where the bytes tell nothing at all, a plain text may be what it is.
          [name, type === OCTETS && mimetype === "text/plain" ? mimetype : type],
        );
      for (const mimetype of ["image/png", "application/pdf", XLSX, "audio/mpeg"])
        expect([name, await sentAs("document", { bytes, mimetype })]).not.toContain("refused");
    }
  });

  it("is a document also where it is cut", async () => {
    for (const { name, bytes } of all())
      for (const length of [1, 2, 5, 12, 40, 200, 1_000, Math.ceil(bytes.length / 2), bytes.length - 1])
        expect([name, length, await sentAs("document", { bytes: bytes.slice(0, length) })]).not.toContain(
          "refused",
        );
  });
});
