import type { Readable } from "node:stream";

/**
 * For those who take web streams alone. What they cancel is destroyed. Not `Readable.toWeb` of Node 20, which
 * may end the process when a caller leaves (Node's issue 64529).
 */
export const toWebStream = (stream: Readable): ReadableStream<Uint8Array<ArrayBuffer>> =>
  ReadableStream.from(stream);
