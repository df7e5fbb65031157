import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { extract, pack, type Extract, type Header, type Pack } from "tar-stream";
import { RUNNER_UID } from "../runtime/index.ts";
import { invalidBackup } from "./invalid-backup.ts";

export type Entry = Extract extends AsyncIterable<infer E> ? E : never;

const OWNER = { uid: RUNNER_UID, gid: RUNNER_UID };

export const isPlain = ({ type }: Header) => type === "file" || type === "directory";

/** Without what a tar of a folder puts around it; empty: the folder itself. */
export const nameOf = ({ name }: Header): string => name.replace(/^\.(\/|$)/, "").replace(/\/$/, "");

/** Whoever destroys it ends `fill`; what `fill` fails by, it fails by. */
export function packed(fill: (into: Pack) => Promise<void>): Readable {
  const tar = pack();
  fill(tar).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  return Readable.from(tar, { objectMode: false });
}

/** What is not read of an entry is passed over. Fails as `tar` does, or with `invalid_backup` where it is no tar. */
export async function* entriesOf(tar: Readable): AsyncGenerator<Entry> {
  const entries = extract();
  const reading = pipeline(tar, entries);
  reading.catch(() => undefined); // waited for below
  try {
    for await (const entry of entries) {
      yield entry;
      entry.resume();
    }
    await reading;
  } catch (error) {
    throw tar.errored ?? (error instanceof AppError ? error : invalidBackup("its contents cannot be read"));
  } finally {
    tar.destroy();
  }
}

/** Of a file or folder, under another name, for the runner's user alone. */
export async function copy(entry: Entry, into: Pack, name: string): Promise<void> {
  const { type, size, mtime } = entry.header;
  if (type === "directory") {
    into.entry({ ...OWNER, name, type, mode: 0o700, mtime });
    return;
  }
  await pipeline(entry, into.entry({ ...OWNER, name, type: "file", size, mtime, mode: 0o600 }));
}
