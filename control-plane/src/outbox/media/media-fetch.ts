import { isUtf8 } from "node:buffer";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { parse as parseDisposition } from "content-disposition";
import { Agent, request } from "undici";
import { AppError } from "@whatsapp-engine/contract/api";
import { AddressRefused, createAddressGuard } from "../../lib/address-guard.ts";
import { createGate, weightOf } from "../../lib/gate.ts";

const MAX_REDIRECTS = 3;
/** Some servers refuse who does not say what it is, and pack what nobody asked them to. */
const HEADERS = { "user-agent": "whatsapp-engine", "accept-encoding": "identity" };
const UNPACKERS: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** What undoes a `Content-Encoding`; nothing where there is none. One in another is nobody's, and a way to keep us busy. */
function unpacking(encoding = ""): Duplex[] {
  const name = encoding.trim().toLowerCase();
  if (name === "" || name === "identity") return [];
  const unpack = UNPACKERS[name];
  if (unpack) return [unpack()];
  throw new AppError(
    "media_unreachable",
    `media.url answers in an encoding that is not known (${encoding.slice(0, 40)}).`,
  );
}

/** A header's bytes come as Latin 1; what stands in them is UTF-8 where it is that. */
function inUtf8(value: string): string {
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString() : value;
}

/** The name that a server gives its file, without folders (RFC 6266). */
function nameIn(disposition: string | undefined): string | null {
  if (disposition === undefined || disposition.length > 2_000) return null;
  try {
    const { filename } = parseDisposition(inUtf8(disposition)).parameters as { filename?: string };
    return filename?.split(/[\\/]/).at(-1)?.slice(0, 255) || null;
  } catch {
    return null;
  }
}

type FetchedMedia = { bytes: Buffer; mimetype: string | null; filename: string | null };
export type MediaFetcher = {
  /** `headers`: sent to the address itself, and on redirects until they lead to another origin. */
  fetch(url: string, headers?: Readonly<Record<string, string>>): Promise<FetchedMedia>;
  close(): Promise<void>;
};

/**
 * Fetches media for callers. Only http and https, only from addresses that `permits` accepts: each is checked as it is
 * connected to, after name resolution and on every redirect, so that a name cannot point elsewhere in between. Throws `media_url_refused`, `media_unreachable`, `media_too_large`.
 */
export function createMediaFetcher(options: {
  maxBytes: number;
  /** Files that are read at once: of the largest, or more of smaller ones. */
  atOnce: number;
  timeoutMs: number;
  permits: (address: string) => boolean;
}): MediaFetcher {
  const { maxBytes, atOnce, timeoutMs, permits } = options;
  // Who waits for a server's first word takes no memory, and holds up nobody.
  const gate = createGate({
    room: weightOf(maxBytes) * atOnce,
    // What is left is for reading it.
    waitMs: timeoutMs / 2,
    of: `As many files as may be fetched at once (MEDIA_CONCURRENCY, ${atOnce} of the largest)`,
  });
  const guard = createAddressGuard({ permits, setting: "MEDIA_URL_ALLOW_PRIVATE" });
  const agent = new Agent({
    connections: 16,
    keepAliveTimeout: 1_000,
    connect: { timeout: timeoutMs, lookup: guard.lookup },
  });

  async function fetch(text: string, own: Readonly<Record<string, string>> = {}): Promise<FetchedMedia> {
    const signal = AbortSignal.timeout(timeoutMs);
    let url = checked(text);
    let headersOfOrigin = own;
    const { origin } = url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await request(url, {
        dispatcher: agent,
        signal,
        headers: { ...HEADERS, ...headersOfOrigin },
      }).catch((cause: unknown) => {
        throw unreachable(cause, timeoutMs);
      });
      const location = response.headers["location"];
      if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === "string") {
        await response.body.dump();
        url = checked(inUtf8(location), url);
        // For good: another origin must not choose what is fetched with them.
        if (url.origin !== origin) headersOfOrigin = {};
        continue;
      }
      if (response.statusCode !== 200) {
        await response.body.dump();
        throw new AppError("media_unreachable", `media.url answered ${response.statusCode}.`);
      }
      const { headers, body } = response;
      return {
        bytes: await readLimited(
          body,
          signal,
          header(headers["content-encoding"]),
          Number(headers["content-length"] ?? 0),
        ),
        mimetype: header(headers["content-type"])?.split(";")[0]?.trim().toLowerCase() ?? null,
        filename: nameIn(header(headers["content-disposition"])) ?? lastSegment(url),
      };
    }
    throw new AppError("media_unreachable", `media.url redirects more than ${MAX_REDIRECTS} times.`);
  }

  function checked(text: string, base?: URL): URL {
    try {
      return guard.check(text, base);
    } catch (error) {
      throw error instanceof AddressRefused ? refused(error.message) : error;
    }
  }

  /** The file as it was before it was packed for the way; what comes out is counted, and not what goes in. */
  async function readLimited(
    body: Readable,
    signal: AbortSignal,
    encoding: string | undefined,
    announced: number,
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    let leave: (() => void) | undefined;
    body.on("error", () => {}); // one that is given up before anybody reads it fails too
    try {
      if (announced > maxBytes) throw tooLarge(maxBytes);
      leave = await gate.enter(weightOf(encoding === undefined && announced > 0 ? announced : maxBytes));
      const count = async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) {
          size += chunk.length;
          if (size > maxBytes) throw tooLarge(maxBytes);
          chunks.push(chunk);
        }
      };
      // How many stand between is not known to its types.
      await (pipeline as (...all: unknown[]) => Promise<void>)(body, ...unpacking(encoding), count, {
        signal,
      });
    } catch (error) {
      body.destroy();
      throw error instanceof AppError ? error : unreachable(error, timeoutMs);
    } finally {
      leave?.();
    }
    return Buffer.concat(chunks);
  }

  return { fetch, close: () => agent.destroy() };
}

const refused = (message: string) =>
  new AppError("media_url_refused", `media.url ${message}.`, { details: [{ field: "media.url", message }] });

export const tooLarge = (maxBytes: number) =>
  new AppError(
    "media_too_large",
    `The media is larger than ${Math.floor(maxBytes / 1024 / 1024)} MB (MEDIA_MAX_MB).`,
  );

function unreachable(cause: unknown, timeoutMs: number): AppError {
  if (cause instanceof AddressRefused) return refused(cause.message);
  const { name, code } = cause as { name?: string; code?: string };
  const why =
    name === "TimeoutError"
      ? `took longer than ${timeoutMs / 1000} s`
      : `cannot be fetched (${code ?? name})`;
  return new AppError("media_unreachable", `media.url ${why}.`, { cause });
}

/** A name as it is written in the address; a broken escape in it is no reason to refuse the file. */
function lastSegment({ pathname }: URL): string | null {
  const segment = pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(segment) || null;
  } catch {
    return segment;
  }
}

const header = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
