import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
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

/** Bytes on the disk of a folder and all in it; follows no links. Stops counting once it is above `enough`. */
export const sizeOnDisk = async (dir: string, enough = Number.POSITIVE_INFINITY): Promise<number> => {
  let bytes = 0;
  const open = [dir];
  for (let folder = open.pop(); folder !== undefined && bytes <= enough; folder = open.pop()) {
    // What is gone or unreadable by now is counted at the next look.
    const entries = await opendir(folder).catch(() => null);
    if (entries === null) continue;
    for await (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) open.push(path);
      const found = await lstat(path).catch(() => null);
      bytes += Math.max((found?.blocks ?? 0) * BLOCK_BYTES, MIN_FILE_BYTES);
      if (bytes > enough) break;
    }
  }
  return bytes;
};

type Watch = {
  dir: string;
  /** 0: whatever it takes. */
  maxMb: number;
  /** Called once. */
  onTooLarge: (detail: string) => void;
  log: Logger;
};

/** Looks from time to time how much a profile takes. Returns the way to stop that. */
export const watchProfileSize = ({ dir, maxMb, onTooLarge, log }: Watch): (() => void) => {
  if (maxMb === 0) return () => {};
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    const bytes = await sizeOnDisk(dir, maxMb * MB);
    if (bytes > maxMb * MB)
      return onTooLarge(
        `The session's profile takes more than ${maxMb} MB (PROFILE_MAX_MB); its login is kept.`,
      );
    lookIn(bytes > (maxMb * MB) / 2 ? LARGE_LOOK_EVERY_MS : LOOK_EVERY_MS);
  };
  const lookIn = (ms: number): void => {
    timer = setTimeout(() => {
      look().catch((cause: unknown) => log.error({ err: cause }, "the profile was not measured"));
    }, ms);
    timer.unref();
  };
  lookIn(FIRST_LOOK_MS);
  return () => clearTimeout(timer);
};
