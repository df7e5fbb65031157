import { lookup } from "node:dns";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, request } from "undici";
import { AppError } from "@whatsapp-engine/contract";

const MAX_REDIRECTS = 3;

export type FetchedMedia = { bytes: Buffer; mimetype: string | null; filename: string | null };
export type MediaFetcher = { fetch(url: string): Promise<FetchedMedia>; close(): Promise<void> };

/**
 * Fetches media for callers. Only http and https, only public addresses (unless `allowPrivate`): each address is
 * checked as it is connected to, after name resolution and on every redirect, so that a name cannot point elsewhere
 * in between. Throws `media_url_refused`, `media_unreachable`, `media_too_large`.
 */
export function createMediaFetcher(options: {
  maxBytes: number;
  timeoutMs: number;
  allowPrivate: boolean;
}): MediaFetcher {
  const { maxBytes, timeoutMs, allowPrivate } = options;
  const agent = new Agent({
    connections: 16,
    keepAliveTimeout: 1_000,
    connect: {
      timeout: timeoutMs,
      ...(allowPrivate ? {} : { lookup: publicOnlyLookup }),
    },
  });

  async function fetch(text: string): Promise<FetchedMedia> {
    const signal = AbortSignal.timeout(timeoutMs);
    let url = checked(text);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await request(url, { dispatcher: agent, signal }).catch((cause: unknown) => {
        throw unreachable(cause, timeoutMs);
      });
      const location = response.headers["location"];
      if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === "string") {
        await response.body.dump();
        url = checked(location, url);
        continue;
      }
      if (response.statusCode !== 200) {
        await response.body.dump();
        throw new AppError("media_unreachable", `media.url answered ${response.statusCode}.`);
      }
      return {
        bytes: await readLimited(response.body, Number(response.headers["content-length"] ?? 0)),
        mimetype: header(response.headers["content-type"])?.split(";")[0]?.trim().toLowerCase() ?? null,
        filename: decodeURIComponent(url.pathname.split("/").at(-1) ?? "") || null,
      };
    }
    throw new AppError("media_unreachable", `media.url redirects more than ${MAX_REDIRECTS} times.`);
  }

  function checked(text: string, base?: URL): URL {
    const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
    if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
      throw refused("must be a complete http or https address");
    }
    if (url.username !== "" || url.password !== "") throw refused("must not hold a user name or password");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (!allowPrivate && isIP(host) !== 0 && !isPublic(host)) throw refused(PRIVATE);
    return url;
  }

  async function readLimited(
    body: AsyncIterable<Buffer> & { destroy(): unknown },
    announced: number,
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      if (announced > maxBytes) throw tooLarge(maxBytes);
      for await (const chunk of body) {
        size += chunk.length;
        if (size > maxBytes) throw tooLarge(maxBytes);
        chunks.push(chunk);
      }
    } catch (error) {
      body.destroy();
      throw error instanceof AppError ? error : unreachable(error, timeoutMs);
    }
    return Buffer.concat(chunks);
  }

  return { fetch, close: () => agent.destroy() };
}

const PRIVATE = "points to a private or local address; MEDIA_URL_ALLOW_PRIVATE=true permits that";

const refused = (message: string) =>
  new AppError("media_url_refused", `media.url ${message}.`, { details: [{ field: "media.url", message }] });

export const tooLarge = (maxBytes: number) =>
  new AppError(
    "media_too_large",
    `The media is larger than ${Math.floor(maxBytes / 1024 / 1024)} MB (MEDIA_MAX_MB).`,
  );

function unreachable(cause: unknown, timeoutMs: number): AppError {
  if (cause instanceof PrivateAddress) return refused(PRIVATE);
  const { name, code } = cause as { name?: string; code?: string };
  const why =
    name === "TimeoutError"
      ? `took longer than ${timeoutMs / 1000} s`
      : `cannot be fetched (${code ?? name})`;
  return new AppError("media_unreachable", `media.url ${why}.`, { cause });
}

class PrivateAddress extends Error {
  override readonly name = "PrivateAddress";
}

/** Only ordinary unicast addresses of the internet; IPv4 inside IPv6 counts as what it holds. */
const isPublic = (address: string) => ipaddr.process(address).range() === "unicast";

const publicOnlyLookup: typeof lookup = ((
  hostname: string,
  options: object,
  callback: (...args: unknown[]) => void,
) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error);
    if (!addresses.every(({ address }) => isPublic(address))) return callback(new PrivateAddress(hostname));
    if ("all" in options && options.all === true) return callback(null, addresses);
    return callback(null, addresses[0]?.address, addresses[0]?.family);
  });
}) as never;

const header = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
