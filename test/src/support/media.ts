import { createHash, randomBytes } from "node:crypto";
import { PNG } from "pngjs";

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** A real picture, which no other of these looks like. */
export function makePng(seed: number): Buffer {
  const png = new PNG({ width: 64, height: 48 });
  for (let i = 0; i < png.data.length; i++) png.data[i] = (i * (seed + 7) + seed) % 256;
  return PNG.sync.write(png);
}

/** The smallest document that readers open, with a text of its own. */
export const makePdf = (text: string): Buffer =>
  Buffer.from(
    `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n` +
      `3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n% ${text}\ntrailer<</Root 1 0 R>>\n%%EOF\n`,
  );

/** First bytes by which the formats are known; nothing plays these. */
const STARTS = {
  mp3: Buffer.from([0xff, 0xfb, 0x90, 0x64]),
  mp4: Buffer.from("\0\0\0\x20ftypisom\0\0\0\0"),
  opus: Buffer.concat([Buffer.from("OggS"), Buffer.alloc(24), Buffer.from("OpusHead")]),
  webp: Buffer.from("RIFF\0\0\0\0WEBPVP8 "),
};

/** A file of a format that no other of these is like. */
export const makeFile = (format: keyof typeof STARTS): Buffer =>
  Buffer.concat([STARTS[format], randomBytes(20_000)]);
