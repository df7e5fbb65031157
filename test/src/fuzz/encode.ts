import type { Random } from "../chaos/random.ts";
import { oddText } from "./odd-values.ts";

/** What goes out beside method and path. */
export type Payload = { headers: Record<string, string>; bytes?: Buffer };

const BOUNDARY = "----the-boundary";
const TYPES = [
  "text/plain",
  "application/xml",
  "application/json; charset=utf-16",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "json",
  ";",
];
/** As long as MEDIA_MAX_MB=16 lets a body be, and longer. */
const LONG_BYTES = [5_000_000, 22_000_000, 24_000_000];

function part(name: string, value: unknown, random: Random): Buffer {
  const isFile = Buffer.isBuffer(value);
  const filename = random.between(0, 9) === 0 ? oddText(random).slice(0, 2_000) : "a file.png";
  const file = isFile ? `; filename="${filename}"\r\nContent-Type: application/octet-stream` : "";
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name.slice(0, 9_000)}"${file}\r\n\r\n`;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Buffer.concat([Buffer.from(head), isFile ? value : Buffer.from(text ?? ""), Buffer.from("\r\n")]);
}

const form = (value: unknown, random: Random): Buffer =>
  Buffer.concat([
    ...Object.entries(typeof value === "object" ? (value ?? {}) : { value }).map(([name, one]) =>
      part(name, one, random),
    ),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);

/** As its type says; now and then broken off, of another type, or longer than a body may be. */
export function encode(type: string, value: unknown, random: Random): Payload {
  const isForm = type === "multipart/form-data";
  let bytes = isForm ? form(value, random) : Buffer.from(JSON.stringify(value) ?? "");
  let header = isForm ? `${type}; boundary=${BOUNDARY}` : type;
  switch (random.between(0, 399)) {
    case 0:
      bytes = Buffer.alloc(random.pick(LONG_BYTES), random.pick(['{"to":"1', "[", '"', " ", "\0"]));
      break;
    case 1:
      bytes = Buffer.from(
        JSON.stringify({ to: "6281200001001", message: "x".repeat(random.pick(LONG_BYTES)) }),
      );
      break;
    case 2:
    case 3:
    case 4:
      bytes = bytes.subarray(0, random.between(0, bytes.length));
      break;
    case 5:
    case 6:
    case 7:
    case 8:
      bytes = Buffer.from(bytes).fill(random.between(0, 255), random.between(0, bytes.length));
      break;
    case 9:
    case 10:
    case 11:
    case 12:
      bytes = Buffer.from(oddText(random), "utf16le");
      break;
  }
  if (random.between(0, 39) === 0) header = random.pick(TYPES);
  return { headers: { "Content-Type": header }, bytes };
}
