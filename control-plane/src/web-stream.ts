import type { Readable } from "node:stream";

/**
 * For those who take web streams alone. What they cancel is destroyed. `Readable.toWeb` ends the process where that happens while the
 * next piece is on its way (Node's issue 64529), such as when a caller leaves in the middle of a file.
 */
export const toWebStream = (stream: Readable): ReadableStream<Uint8Array<ArrayBuffer>> =>
  ReadableStream.from(stream);
