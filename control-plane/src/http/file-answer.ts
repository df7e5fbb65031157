import type { Readable } from "node:stream";
import type { Context } from "hono";
import { drop } from "../connection/index.ts";
import { toWebStream } from "../lib/web-stream.ts";

/** A file as fast as its caller takes it. `HEAD` gets the same route, and nobody would ever read its file. */
export function answerFile(c: Context, file: Readable, headers: Record<string, string>) {
  if (c.req.raw.method !== "HEAD") return c.body(toWebStream(file), 200, headers);
  drop(file);
  return c.body(null, 200, headers);
}
