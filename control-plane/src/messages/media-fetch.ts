import { Agent, request } from "undici";
import { AppError } from "@whatsapp-engine/contract";
import { AddressRefused, createAddressGuard } from "../address-guard.ts";

const MAX_REDIRECTS = 3;

type FetchedMedia = { bytes: Buffer; mimetype: string | null; filename: string | null };
export type MediaFetcher = { fetch(url: string): Promise<FetchedMedia>; close(): Promise<void> };

/**
 * Fetches media for callers. Only http and https, only from addresses that `permits` accepts: each is checked as it is
 * connected to, after name resolution and on every redirect, so that a name cannot point elsewhere in between. Throws `media_url_refused`, `media_unreachable`, `media_too_large`.
 */
export function createMediaFetcher(options: {
  maxBytes: number;
  timeoutMs: number;
  permits: (address: string) => boolean;
}): MediaFetcher {
  const { maxBytes, timeoutMs, permits } = options;
  const guard = createAddressGuard({ permits, setting: "MEDIA_URL_ALLOW_PRIVATE" });
  const agent = new Agent({
    connections: 16,
    keepAliveTimeout: 1_000,
    connect: { timeout: timeoutMs, lookup: guard.lookup },
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
        filename: lastSegment(url),
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
