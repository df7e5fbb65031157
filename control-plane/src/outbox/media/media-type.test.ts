import { describe, expect, it } from "vitest";
import type { MessageType } from "@whatsapp-engine/contract/api";
import { mediaTypeOf } from "./media-type.ts";

const box = (name: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(name, 4, "latin1");
  return Buffer.concat([head, body]);
};
const track = (kind: string, flags = 1) =>
  box(
    "trak",
    box("tkhd", Buffer.from([0, 0, 0, flags]), Buffer.alloc(80)),
    box("mdia", box("hdlr", Buffer.alloc(8), Buffer.from(kind), Buffer.alloc(12))),
  );
const mp4 = (...kinds: string[]) =>
  Buffer.concat([
    box("ftyp", Buffer.from("isom\0\0\x02\0isomiso2mp41", "latin1")),
    box("moov", box("mvhd", Buffer.alloc(100)), ...kinds.map((kind) => track(kind))),
    box("mdat", Buffer.alloc(64)),
  ]);
const whole = (start: string | Buffer, encoding: BufferEncoding = "latin1") =>
  Buffer.concat([typeof start === "string" ? Buffer.from(start, encoding) : start, Buffer.alloc(300)]);
/** A zip whose first entry has this name. */
const zip = (name: string) => {
  const head = Buffer.alloc(30);
  head.write("PK\x03\x04", 0, "latin1");
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, Buffer.from(name), Buffer.alloc(300)]);
};

const FILES = {
  pdf: whole("%PDF-1.7\n"),
  jpeg: whole("ffd8ffe000104a464946", "hex"),
  heic: whole(box("ftyp", Buffer.from("heic\0\0\0\0mif1heic", "latin1"))),
  opus: Buffer.concat([Buffer.from("OggS"), Buffer.alloc(24), Buffer.from("OpusHead"), Buffer.alloc(300)]),
  sound: mp4("soun"),
  film: mp4("soun", "vide"),
  audiobook: Buffer.concat([
    box("ftyp", Buffer.from("M4B \0\0\0\0", "latin1")),
    box("moov", track("soun"), track("vide", 0)),
    box("mdat", Buffer.alloc(64)),
  ]),
  zip: zip("a.txt"),
  apk: zip("AndroidManifest.xml"),
  doc: whole("d0cf11e0a1b11ae1", "hex"),
  xml: Buffer.from("<a><b/></a>"),
  declaredXml: Buffer.from('<?xml version="1.0"?><svg xmlns="x"/>'),
  csv: Buffer.from("name;number\nAni;6281234567890\n"),
  latin: Buffer.from([0x63, 0x61, 0x66, 0xe9]),
};
type File = keyof typeof FILES;

const DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const APK = "application/vnd.android.package-archive";

describe("a document is sent as", () => {
  it.each<
    [type: string, File, given: string | undefined, fromSource: string | null, filename: string | null]
  >([
    ["application/pdf", "pdf", undefined, null, null],
    ["application/pdf", "pdf", undefined, "application/octet-stream", "a"],
    ["application/pdf", "pdf", undefined, "text/plain", "a.txt"],
    ["application/pdf", "pdf", "application/msword", null, "a.doc"],
    ["image/jpeg", "jpeg", "application/octet-stream", null, "a.bin"],
    ["image/pjpeg", "jpeg", "image/pjpeg", null, null],
    ["image/heic", "heic", undefined, null, null],
    ["image/heif", "heic", "image/heif", null, "a.heif"],
    [DOCX, "zip", DOCX, null, null],
    [DOCX, "zip", undefined, "application/octet-stream", "letter.docx"],
    ["application/zip", "zip", "application/pdf", null, "a.pdf"],
    [APK, "apk", undefined, null, "app.apk"],
    [APK, "apk", APK, null, null],
    ["application/msword", "doc", "application/msword", null, null],
    ["application/vnd.ms-excel", "doc", undefined, null, "a.xls"],
    ["application/xml", "xml", "application/xml", null, null],
    ["application/xml", "xml", undefined, "text/plain", "a.xml"],
    ["image/svg+xml", "declaredXml", "image/svg+xml", null, "a.svg"],
    ["text/csv", "csv", undefined, "application/octet-stream", "report.csv"],
    ["text/csv", "csv", undefined, "text/plain", "report.csv"],
    ["text/csv", "csv", "TEXT/CSV; charset=utf-8", null, null],
    ["text/plain", "csv", undefined, null, null],
    ["text/plain", "csv", undefined, "binary/octet-stream", "README"],
    ["application/octet-stream", "latin", undefined, "", null],
    ["audio/mp4", "sound", undefined, "video/mp4", "a.mp4"],
  ])("%s: %s, given %s, from its source %s, named %s", async (type, file, given, fromSource, filename) => {
    expect(await mediaTypeOf("document", FILES[file], { given, fromSource, filename })).toBe(type);
  });
});

describe("a file of a kind of its own", () => {
  const of = (type: MessageType, file: File, given?: string) =>
    mediaTypeOf(type, FILES[file], { given, fromSource: null, filename: null });

  it.each<[MessageType, File, string | undefined, string]>([
    ["image", "jpeg", "image/pjpeg", "image/jpeg"],
    ["image", "jpeg", "application/octet-stream", "image/jpeg"],
    ["audio", "opus", "audio/ogg", "audio/ogg"],
    ["voice", "opus", "application/ogg", "audio/ogg"],
    ["audio", "sound", "audio/mp4", "audio/mp4"],
    ["audio", "sound", "audio/x-m4a", "audio/mp4"],
    ["audio", "audiobook", undefined, "audio/mp4"],
    ["video", "film", "video/mp4", "video/mp4"],
  ])("%s takes %s given as %s, and sends %s", async (type, file, given, sentAs) => {
    expect(await of(type, file, given)).toBe(sentAs);
  });

  it.each<[MessageType, File, string | undefined]>([
    ["audio", "film", undefined],
    ["video", "sound", undefined],
    ["image", "heic", undefined],
    ["image", "jpeg", "image/png"],
    ["image", "csv", undefined],
    ["audio", "opus", "audio mpeg"],
  ])("%s refuses %s given as %s", async (type, file, given) => {
    await expect(of(type, file, given)).rejects.toMatchObject({ code: "invalid_media" });
  });

  it("boxes in boxes in boxes are no way to keep it busy", async () => {
    const nested = Buffer.alloc(160_000);
    for (let at = 0; at < nested.length; at += 8) {
      nested.writeUInt32BE(nested.length - at, at);
      nested.write("moov", at + 4, "latin1");
    }
    const bytes = Buffer.concat([FILES.film.subarray(0, 28), nested]);
    await mediaTypeOf("document", bytes, { given: undefined, fromSource: null, filename: null });
  });

  it.each([16, 24, 40, 64, 200])(
    "boxes that lie about their size end the search: %i bytes",
    async (length) => {
      const cut = Buffer.concat([FILES.film.subarray(0, length), Buffer.alloc(300, 0xff)]);
      await mediaTypeOf("document", cut, { given: undefined, fromSource: null, filename: null });
    },
  );
});
