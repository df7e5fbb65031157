import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { Dicer } from "@fastify/busboy";
import { parse as parseDisposition } from "content-disposition";
import type { Context } from "hono";
import { AppError, fieldNamed } from "@whatsapp-engine/contract/api";
import { charsetOf, decodeText } from "./charset.ts";
import type { AppEnv } from "../context.ts";

const FORM = /^multipart\/form-data\b/i;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i;

/** More than a form of ours has; each costs a stream. */
const MAX_PARTS = 64;
/** Of a part's headers: its name, its file's name twice, its type. */
const HEADERS = { maxHeaderPairs: 32, maxHeaderSize: 16 * 1024 };

export type Part = {
  name: string;
  /** Null: the part names none, and is no file by that. */
  filename: string | null;
  /** As it was declared; null: not at all. */
  contentType: string | null;
  data: Readable;
};

export const isForm = (contentType: string | undefined): boolean => FORM.test(contentType ?? "");

/** The body as a stream, also where what counts its bytes has taken it already. */
export const bodyOf = ({ req, env: { incoming } }: Context<AppEnv>): Readable =>
  req.header("Transfer-Encoding") === undefined || req.raw.body === null
    ? incoming
    : Readable.fromWeb(req.raw.body);

/**
 * Reads a multipart/form-data as .NET, PHP, Python, Go and browsers write it: names with or without quotes, `filename*`, parts without
 * a type. `take` gets each part as it comes, and reads it to its end. Rejects with what `take` throws, or `invalid_form`.
 */
export async function readForm(
  body: Readable,
  contentType: string,
  take: (part: Part) => Promise<void>,
): Promise<void> {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw invalidForm("The form's Content-Type names no boundary.");

  const parser = new Dicer({ boundary, ...HEADERS });
  const stop = new AbortController();
  const taken: Promise<void>[] = [];
  const parts: Readable[] = [];
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    stop.abort();
  };
  parser.on("part", function onPart(part) {
    if (parts.length === MAX_PARTS) {
      // What follows is read past, without a stream of its own.
      parser.removeListener("part", onPart);
      return fail(invalidForm(`The form has more than ${MAX_PARTS} parts; none needs so many.`));
    }
    parts.push(part);
    // One of which the rest never comes has an error of its own; that of the whole form tells it.
    part.on("error", () => undefined);
    part.once("header", (header: Record<string, string[] | undefined>) => {
      try {
        taken.push(take({ ...describe(header), data: part }).catch(fail));
      } catch (error) {
        fail(error);
      }
    });
  });
  const closed = () => (body as IncomingMessage).complete === false && fail(notWhole());
  body.once("close", closed).on("error", (cause) => fail(notWhole(cause)));
  // Errors that come after the first one say nothing new.
  parser.on("error", (cause) => fail(notWhole(cause)));
  if (body.destroyed && !body.readableEnded) throw notWhole();
  body.pipe(parser);
  await once(parser, "finish", { signal: stop.signal }).catch(fail);
  if (failure === undefined) await Promise.all(taken);
  if (failure === undefined) return;
  body.unpipe(parser);
  for (const part of parts) part.destroy();
  // Who still sends is heard to the end, or would not hear the answer.
  body.resume();
  await Promise.all(taken);
  throw failure;
}

/** The bytes of a part. Rejects where the form ends before it does, and with `invalid_request` where there are too many. */
export async function bytesOf({ name, data }: Part, maxBytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of data as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw invalidPart(name, `is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A part as text, by its own charset, else UTF-8. Rejects with `invalid_request`. */
export async function textOf(part: Part, maxBytes?: number): Promise<string> {
  const refuse = (why: string) => invalidPart(part.name, why);
  const bytes = await bytesOf(part, maxBytes);
  const text = await decodeText(bytes, charsetOf(part.contentType ?? ""), refuse);
  // UTF-16 can hold one.
  if (!text.isWellFormed()) throw refuse("holds half a character (a lone surrogate)");
  return text;
}

export const invalidPart = (field: string, message: string) =>
  new AppError("invalid_request", "The request's form is not valid.", {
    details: [{ field: fieldNamed([field]), message }],
  });

/** Headers come as bytes; they are written in UTF-8 today. */
const inUtf8 = (text: string | undefined) => Buffer.from(text ?? "", "latin1").toString();

function describe(header: Record<string, string[] | undefined>): Omit<Part, "data"> {
  const disposition = inUtf8(header["content-disposition"]?.[0]);
  // A quote in a name is `%22` to browsers and `\"` to Go, which doubles a backslash then; one alone is one of a path.
  const multipart = !/\\["\\]/.test(disposition);
  const { type, parameters } = parseDisposition(disposition, { multipart });
  const { name, filename } = parameters as { name?: string; filename?: string };
  if (type !== "form-data" || name === undefined || name === "")
    throw invalidForm('A part of the form has no name: Content-Disposition: form-data; name="…".');
  return {
    name,
    filename: filename === undefined ? null : nameOf(filename),
    contentType: inUtf8(header["content-type"]?.[0]).trim() || null,
  };
}

/** A file's name, as whoever gave it meant it. */
function nameOf(given: string): string {
  // .NET puts quotes that were given with a name into `filename*` too.
  const unquoted = /^".*"$/s.test(given) ? given.slice(1, -1) : given;
  // Browsers of Windows gave the whole path, and some still make one up.
  const name = unescaped(unquoted).replace(/^(?:[a-z]:|\\)\\.*\\/is, "");
  // A line break, say, that was escaped: no name of a file has one.
  return name.replaceAll(/\p{Cc}/gu, " ");
}

/** aiohttp writes all but letters, digits and `-._~` as in an address. A name of which anything else is left is not from it. */
function unescaped(name: string): string {
  if (!name.includes("%") || !/^(?:[\w.~-]|%[\dA-F]{2})+$/.test(name)) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const invalidForm = (message: string, cause?: unknown) => new AppError("invalid_form", message, { cause });
const notWhole = (cause?: unknown) => invalidForm("The body is not a complete multipart/form-data.", cause);
