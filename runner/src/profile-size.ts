import type { Stats } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join, posix } from "node:path";
import { REMADE_BY_CHROMIUM } from "@whatsapp-engine/contract/runner";
import type { Logger } from "./logger.ts";

/** A file needs this much at the least, for its name and what the disk notes of it: many empty ones fill a disk, too. */
const MIN_FILE_BYTES = 1_024;
/** `stat` counts in these, whatever the disk's own are. */
const BLOCK_BYTES = 512;
/** After a start, which needs the disk itself. */
const FIRST_LOOK_MS = 10_000;
const LOOK_EVERY_MS = 30_000;
/** What has filled half of its room may soon fill the rest. */
const LARGE_LOOK_EVERY_MS = 5_000;
const MB = 1024 * 1024;

/** What a profile takes on the disk, in bytes. */
export type Size = {
  bytes: number;
  /** Those of them that the browser makes anew. */
  remade: number;
};

/** Measures a folder and all in it; follows no links. Stops once `enough` is taken by what is not made anew. */
export const sizeOnDisk = async (dir: string, enough = Number.POSITIVE_INFINITY): Promise<Size> => {
  const size = { bytes: 0, remade: 0 };
  const open = [""];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    // What is gone or unreadable by now is counted at the next look.
    const entries = await opendir(join(dir, folder)).catch(() => null);
    if (entries === null) continue;
    for await (const entry of entries) {
      const name = posix.join(folder, entry.name);
      if (entry.isDirectory()) open.push(name);
      const bytes = bytesOf(await lstat(join(dir, name)).catch(() => null));
      size.bytes += bytes;
      if (REMADE_BY_CHROMIUM.test(name)) size.remade += bytes;
      if (size.bytes - size.remade > enough) return size;
    }
  }
  return size;
};

/** Some file systems count no blocks. */
const bytesOf = (found: Stats | null): number =>
  Math.max((found?.blocks || Math.ceil((found?.size ?? 0) / BLOCK_BYTES)) * BLOCK_BYTES, MIN_FILE_BYTES);

type Watch = {
  dir: string;
  /** 0: whatever it takes. */
  maxMb: number;
  /** Whether something is under way that another browser would disturb. */
  busy: () => boolean;
  /** It takes too much, and would not without what the browser makes anew. */
  makeRoom: (detail: string) => void;
  /** It takes too much; called once. */
  tooLarge: (detail: string) => void;
  log: Logger;
};

/** Looks from time to time how much a profile takes. Returns the way to stop that. */
export const watchProfileSize = (watch: Watch): (() => void) => {
  const { dir, maxMb, busy, log } = watch;
  const max = maxMb * MB;
  if (max === 0) return () => {};
  let timer: NodeJS.Timeout;
  let over = false;

  /** When to look again; null: never. */
  const look = async (): Promise<number | null> => {
    const { bytes, remade } = await sizeOnDisk(dir, max);
    const detail = `The session's profile takes more than ${maxMb} MB on the disk (PROFILE_MAX_MB); its login is kept.`;
    if (bytes - remade > max) {
      watch.tooLarge(detail);
      return null;
    }
    // Twice as much is not waited with.
    if (bytes > max && (!busy() || bytes > 2 * max)) watch.makeRoom(detail);
    return bytes > max / 2 ? LARGE_LOOK_EVERY_MS : LOOK_EVERY_MS;
  };
  const lookIn = (ms: number | null): void => {
    if (ms === null || over) return;
    timer = setTimeout(() => {
      look().then(lookIn, (cause: unknown) => {
        log.error({ err: cause }, "the profile was not measured");
        lookIn(LOOK_EVERY_MS);
      });
    }, ms);
    timer.unref();
  };
  lookIn(FIRST_LOOK_MS);
  return () => {
    over = true;
    clearTimeout(timer);
  };
};
