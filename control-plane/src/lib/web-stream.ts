import type { Readable } from "node:stream";

/**
 * For those who take web streams alone. What they cancel is destroyed, also before they read any of it. Not `Readable.toWeb`
 * of Node 20, which may end the process when a caller leaves (Node's issue 64529).
 */
export function toWebStream(stream: Readable): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array<ArrayBuffer>>;
  const iterator: AsyncIterator<Uint8Array<ArrayBuffer>> = {
    next: () => pieces.next(),
    async return() {
      await pieces.return?.();
      // An iterator that never began lets go of nothing.
      stream.on("error", () => undefined).destroy();
      return { done: true, value: undefined };
    },
  };
  return ReadableStream.from({ [Symbol.asyncIterator]: () => iterator });
}
