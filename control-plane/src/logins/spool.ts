import { randomUUID } from "node:crypto";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

/** A file without a name: it goes when it is closed, or with this process. */
export type Spooled = {
  readonly bytes: number;
  /** From its beginning, as often as is wished. */
  read(): Readable;
  close(): Promise<void>;
};

const CHUNK_BYTES = 64 * 1024;

/** Writes the stream into a file of the folder. Throws what `tooLarge` makes beyond `maxBytes`. */
export async function spool(
  source: Readable,
  { dir, maxBytes, tooLarge }: { dir: string; maxBytes: number; tooLarge: () => Error },
): Promise<Spooled> {
  try {
    const file = await openNameless(dir);
    try {
      let bytes = 0;
      for await (const chunk of source as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw tooLarge();
        await file.writeFile(chunk);
      }
      return {
        bytes,
        read: () => Readable.from(chunksOf(file), { objectMode: false }),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  } finally {
    source.destroy();
  }
}

async function openNameless(dir: string): Promise<FileHandle> {
  const path = join(dir, `spool-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  return file;
}

/** A stream of Node's own would close the file with itself. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
