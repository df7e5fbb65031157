import { Readable } from "node:stream";
import { pack, type Header } from "tar-stream";

export type File = Partial<Header> & { name: string; body?: string };

export function tarOf(files: readonly File[]): Readable {
  const tar = pack();
  for (const { body = "x", ...header } of files) {
    const isFile = (header.type ?? "file") === "file";
    tar.entry({ ...header, ...(isFile && { size: Buffer.byteLength(body) }) }, isFile ? body : "");
  }
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}
