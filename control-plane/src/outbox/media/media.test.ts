import { createServer, type Server } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { AddressInfo } from "node:net";
import { AppError } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isPublicAddress } from "../../lib/address-guard.ts";
import { createMediaFetcher, type MediaFetcher } from "./media-fetch.ts";
import { readMedia } from "./media.ts";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF");
const MAX = 64 * 1024;

/** 127.0.0.1 stands for the internet, 127.0.0.2 for what callers must not reach. */
let server: Server;
let port: number;
let fetcher: MediaFetcher;
let reached: string[] = [];
let told: Record<string, unknown> = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    reached.push(`${request.socket.localAddress}${request.url}`);
    const { pathname } = new URL(request.url ?? "/", "http://x");
    if (pathname === "/a%20b.pdf") return void response.setHeader("Content-Type", "application/pdf").end(PDF);
    if (pathname === "/inside")
      return void response.writeHead(302, { location: `http://127.0.0.2:${port}/secret` }).end();
    if (pathname === "/moved") return void response.writeHead(302, { location: "/a%20b.pdf" }).end();
    if (pathname === "/loop") return void response.writeHead(302, { location: "/loop" }).end();
    if (pathname === "/packed") {
      response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/pdf" });
      return void response.end(gzipSync(PDF));
    }
    if (pathname === "/packed-twice")
      return void response
        .writeHead(200, { "content-encoding": "deflate, br" })
        .end(brotliCompressSync(deflateSync(PDF)));
    if (pathname === "/bomb")
      return void response
        .writeHead(200, { "content-encoding": "gzip" })
        .end(gzipSync(Buffer.alloc(MAX + 1)));
    if (pathname === "/broken-pack")
      return void response.writeHead(200, { "content-encoding": "gzip" }).end("not packed");
    if (pathname === "/odd-pack")
      return void response.writeHead(200, { "content-encoding": "zstd2" }).end(PDF);
    if (pathname.startsWith("/named")) {
      const disposition = new URL(request.url ?? "/", "http://x").searchParams.get("as") ?? "";
      return void response.writeHead(200, { "content-disposition": disposition }).end(PDF);
    }
    if (pathname === "/moved-in-utf8")
      return void response.writeHead(302, { location: Buffer.from("/décoré.pdf").toString("latin1") }).end();
    if (pathname === "/d%C3%A9cor%C3%A9.pdf") return void response.end(PDF);
    if (pathname === "/token" || pathname === "/token-moved") {
      told = { ...request.headers };
      const elsewhere = `http://localhost:${port}/token`;
      return void (pathname === "/token"
        ? response.end(PDF)
        : response.writeHead(302, { location: elsewhere }).end());
    }
    if (pathname === "/large") return void response.end(Buffer.alloc(MAX + 1));
    if (pathname === "/hangs") return void response.write("x");
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  port = (server.address() as AddressInfo).port;
  fetcher = createMediaFetcher({
    atOnce: 4,
    maxBytes: MAX,
    timeoutMs: 20_000,
    permits: (address) => address === "127.0.0.1",
  });
});
afterAll(async () => {
  await fetcher.close();
  server.closeAllConnections();
  server.close();
});

const codeOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return (error as AppError).code;
};
const at = (path: string) => `http://127.0.0.1:${port}${path}`;

describe("media by URL", () => {
  it("fetches, follows a redirect, and takes name and type along", async () => {
    const media = await readMedia("document", { url: at("/moved") }, { fetcher, maxBytes: MAX });
    expect(media).toMatchObject({ bytes: PDF, mimetype: "application/pdf", filename: "a b.pdf" });
  });

  it.each(["/packed"])("unpacks what was packed for the way: %s", async (path) => {
    expect((await fetcher.fetch(at(path))).bytes).toEqual(PDF);
  });

  it.each([
    ["/bomb", "media_too_large"],
    ["/broken-pack", "media_unreachable"],
    ["/odd-pack", "media_unreachable"],
    ["/packed-twice", "media_unreachable"],
  ])("refuses what it cannot unpack, or not within the limit: %s", async (path, code) => {
    expect(await codeOf(fetcher.fetch(at(path)))).toBe(code);
  });

  it.each([
    ['attachment; filename="price list.pdf"', "price list.pdf"],
    ["attachment; filename=a.pdf", "a.pdf"],
    ["attachment; filename=\"x.pdf\"; filename*=UTF-8''pr%C3%A9cis.pdf", "précis.pdf"],
    ['attachment; filename="../../etc/passwd"', "passwd"],
    ["inline", "named.pdf"],
    ["nonsense;;", "named.pdf"],
  ])("takes the name that the server gives: %s", async (disposition, filename) => {
    const path = `/named.pdf?as=${encodeURIComponent(disposition)}`;
    expect((await fetcher.fetch(at(path))).filename).toBe(filename);
  });

  it("follows a redirect that is written in UTF-8", async () => {
    expect(await fetcher.fetch(at("/moved-in-utf8"))).toMatchObject({ bytes: PDF, filename: "décoré.pdf" });
  });

  it("says what it is, and sends a caller's headers to where they belong, and nowhere else", async () => {
    const token = { Authorization: "Bearer secret" };
    await fetcher.fetch(at("/token"), token);
    expect(told).toMatchObject({ authorization: "Bearer secret", "user-agent": "whatsapp-engine" });
    await fetcher.fetch(at("/token-moved"), token);
    expect(told).not.toHaveProperty("authorization");
  });

  it.each([
    ["a redirect into a private network", () => at("/inside"), "media_url_refused"],
    ["a private address", () => `http://127.0.0.2:${port}/secret`, "media_url_refused"],
    ["a private address in another notation", () => `http://2130706434:${port}/secret`, "media_url_refused"],
    ["another scheme", () => "file:///etc/passwd", "media_url_refused"],
    ["no address at all", () => "nonsense", "media_url_refused"],
    ["a password in it", () => `http://u:p@127.0.0.1:${port}/`, "media_url_refused"],
    ["a file that is not there", () => at("/404"), "media_unreachable"],
    ["endless redirects", () => at("/loop"), "media_unreachable"],
    ["a port where nothing listens", () => "http://127.0.0.1:1/", "media_unreachable"],
    ["too many bytes", () => at("/large"), "media_too_large"],
  ])("refuses %s", async (_, url, code) => {
    reached = [];
    expect(await codeOf(fetcher.fetch(url()))).toBe(code);
    expect(reached.some((path) => path.includes("secret"))).toBe(false);
  });

  it("gives up a server that never ends", async () => {
    const hurried = createMediaFetcher({ atOnce: 4, maxBytes: MAX, timeoutMs: 300, permits: () => true });
    expect(await codeOf(hurried.fetch(at("/hangs")))).toBe("media_unreachable");
    await hurried.close();
  });

  it("checks what a name resolves to", async () => {
    const strict = createMediaFetcher({
      atOnce: 4,
      maxBytes: MAX,
      timeoutMs: 20_000,
      permits: isPublicAddress,
    });
    expect(await codeOf(strict.fetch(`http://localhost:${port}/a%20b.pdf`))).toBe("media_url_refused");
    await strict.close();
  });

  it.each([
    "10.0.0.1",
    "172.17.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "::1",
    "fe80::1",
    "fc00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
  ])("counts %s as private", (address) => expect(isPublicAddress(address)).toBe(false));
  it.each(["8.8.8.8", "2606:4700::1111"])("counts %s as public", (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );
});

describe("media by base64", () => {
  it("takes base64 that is spaces for a half at once", async () => {
    const bytes = Buffer.alloc(12_000_000, 1);
    const spaced = bytes.toString("base64").replaceAll(/./g, "$& ");
    const limits = { fetcher, maxBytes: 36_000_000 };
    const before = process.cpuUsage();
    const media = await readMedia("document", { base64: spaced }, limits);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1_000);
    expect(media.bytes.equals(bytes)).toBe(true);
  });

  const read = (type: "image" | "document", media: Parameters<typeof readMedia>[1]) =>
    readMedia(type, media, { fetcher, maxBytes: MAX });

  it("takes plain base64 and data URLs", async () => {
    expect(await read("image", { base64: PNG.toString("base64") })).toMatchObject({
      bytes: PNG,
      mimetype: "image/png",
    });
    const dataUrl = `data:image/png;base64,${PNG.toString("base64")}`;
    expect(await read("image", { base64: dataUrl, filename: "x.png" })).toMatchObject({
      bytes: PNG,
      filename: "x.png",
    });
  });

  const text = PNG.toString("base64");
  it.each([
    ["with line breaks", text.replaceAll(/(.{20})/g, "$1\r\n")],
    ["with a final newline", `${text}\n`],
    ["of a data URL without a type", `data:;base64,${text}`],
    ["of a data URL in capitals", `DATA:IMAGE/PNG;BASE64,${text}`],
    ["of a data URL with a charset", `data:image/png;charset=utf-8;base64,${text}`],
    ["without its padding", text.replaceAll("=", "")],
    ["for addresses", text.replaceAll("+", "-").replaceAll("/", "_")],
  ])("takes it %s", async (_, base64) => {
    expect(await read("image", { base64 })).toMatchObject({ bytes: PNG, mimetype: "image/png" });
  });

  it.each(["null", "NULL", "undefined", "None", "true", "database", "[object Object]", " null\n"])(
    "refuses the word %j for what it is",
    async (base64) => {
      await expect(read("document", { base64 })).rejects.toThrow(`is the word "${base64.trim()}"`);
    },
  );

  it.each([
    ["not base64", "image", { base64: "%%%" }, "invalid_media"],
    // Written in Latin 1, the last letter would be an A.
    ["a letter of another script", "document", { base64: "AA A\u0141" }, "invalid_media"],
    ["a picture that is none", "image", { base64: PDF.toString("base64") }, "invalid_media"],
    [
      "a type that the bytes contradict",
      "image",
      { base64: PNG.toString("base64"), mimetype: "image/jpeg" },
      "invalid_media",
    ],
    [
      "a type that is none",
      "document",
      { base64: PDF.toString("base64"), mimetype: "pdf\r\nX: y" },
      "invalid_media",
    ],
    ["too many bytes", "document", { base64: Buffer.alloc(MAX + 1).toString("base64") }, "media_too_large"],
  ] as const)("refuses %s", async (_, type, media, code) => {
    expect(await codeOf(read(type, media))).toBe(code);
  });
});

/** First bytes by which the formats are known. */
const START = {
  ogg: Buffer.concat([Buffer.from("OggS"), Buffer.alloc(24), Buffer.from("OpusHead")]),
  vorbis: Buffer.concat([Buffer.from("OggS"), Buffer.alloc(24), Buffer.from("\x01vorbis")]),
  mp3: Buffer.from([0xff, 0xfb, 0x90, 0x64]),
  m4a: Buffer.from("\0\0\0\x20ftypM4A \0\0\0\0"),
  mp4: Buffer.from("\0\0\0\x20ftypisom\0\0\0\0"),
  mov: Buffer.from("\0\0\0\x20ftypqt  \0\0\0\0"),
  webm: Buffer.from("1a45dfa39f4286810142f7810142f2810442f381084282847765626d", "hex"),
  wav: Buffer.from("RIFF\0\0\0\0WAVEfmt "),
  webp: Buffer.from("RIFF\0\0\0\0WEBPVP8 "),
};
const whole = (start: Buffer) => Buffer.concat([start, Buffer.alloc(300)]);

describe("media as bytes, for each kind", () => {
  type Type = Parameters<typeof readMedia>[0];
  const read = (type: Type, bytes: Uint8Array<ArrayBuffer>, mimetype?: string) =>
    readMedia(type, { bytes, ...(mimetype === undefined ? {} : { mimetype }) }, { fetcher, maxBytes: MAX });

  it.each([
    ["audio", "mp3", "audio/mp3", "audio/mpeg"],
    ["audio", "m4a", "audio/mp4", "audio/mp4"],
    ["audio", "ogg", undefined, "audio/ogg"],
    ["voice", "ogg", "audio/ogg; codecs=opus", "audio/ogg"],
    ["voice", "ogg", "audio/opus", "audio/ogg"],
    ["video", "mp4", undefined, "video/mp4"],
    ["video", "mov", "video/quicktime", "video/quicktime"],
    ["sticker", "webp", "image/webp", "image/webp"],
    ["document", "webm", "video/webm", "video/webm"],
  ] as const)("%s takes %s as %s", async (type, format, given, sentAs) => {
    const bytes = whole(START[format]);
    expect(await read(type, bytes, given)).toMatchObject({ bytes, mimetype: sentAs, filename: null });
  });

  it.each([
    ["audio", "wav", undefined],
    ["audio", "vorbis", undefined],
    ["audio", "webm", undefined],
    ["voice", "mp3", undefined],
    ["voice", "ogg", "audio/mpeg"],
    ["video", "webm", undefined],
    ["video", "mp3", undefined],
    ["sticker", "mp4", undefined],
    ["sticker", "webp", "image/png"],
  ] as const)("%s refuses %s as %s", async (type, format, given) => {
    expect(await codeOf(read(type, whole(START[format]), given))).toBe("invalid_media");
  });

  it("takes the part of a larger buffer that it is given, and no more than is allowed", async () => {
    const all = whole(PDF);
    const { bytes } = await read("document", all.subarray(0, PDF.length));
    expect(bytes).toEqual(PDF);
    expect(await codeOf(read("document", Buffer.alloc(MAX + 1)))).toBe("media_too_large");
    expect(await codeOf(read("document", new Uint8Array()))).toBe("invalid_media");
  });
});
