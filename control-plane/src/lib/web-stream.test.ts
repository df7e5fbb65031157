import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toWebStream } from "./web-stream.ts";

const PIECES = 30;
const PIECE = Buffer.alloc(20_000, "x");
function file(): Readable {
  let left = PIECES;
  return new Readable({
    read() {
      while (left-- > 0 && this.push(PIECE));
      if (left < 0) this.push(null);
    },
  });
}

const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);
beforeEach(() => void process.on("uncaughtException", note));
afterEach(() => void process.off("uncaughtException", note));

it("is the stream as it is", async () => {
  const bytes = await buffer(toWebStream(file()));
  expect(bytes.equals(Buffer.concat(Array.from({ length: PIECES }, () => PIECE)))).toBe(true);
});

it("is let go where its reader leaves before it reads anything", async () => {
  const stream = file();
  await toWebStream(stream).cancel();
  await turn();
  expect([uncaught, stream.destroyed]).toEqual([[], true]);
});

it.each(Array.from({ length: 12 }, (_, pieces) => pieces))(
  "is let go where its reader leaves after %i pieces, the next one on its way",
  async (pieces) => {
    const stream = file();
    const reader = toWebStream(stream).getReader();
    for (let n = 0; n < pieces; n++) await reader.read();
    const next = reader.read();
    await Promise.resolve();
    await reader.cancel();
    await next;
    await turn();
    expect([uncaught, stream.destroyed]).toEqual([[], true]);
  },
);
