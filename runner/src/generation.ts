import { watch, type FSWatcher } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { syncFolder } from "./append-log.ts";
import type { Logger } from "./logger.ts";
import { absent, replaceFile } from "./profile.ts";

/** The newest runner on a profile, as a file in the profile says; its numbers only grow. */
const newestSchema = z.object({ generation: z.number().int().min(0), runnerId: z.string() });
type Newest = z.infer<typeof newestSchema>;

/** Where the file system tells of no changes, as over a network. */
const LOOK_EVERY_MS = 10_000;

const fileOf = (dir: string): string => join(dir, "generation.json");

/**
 * Writes into the profile that this runner is its newest. Returns null, or the number of the runner that was there before
 * it with no lower one; then nothing is touched.
 */
export const claimProfile = async (dir: string, mine: Newest): Promise<number | null> => {
  const found = await read(dir);
  if (found !== null && displaces(found, mine)) return found.generation;
  await write(dir, mine);
  return null;
};

/** Throws where a newer runner has taken the profile meanwhile. */
export const confirmClaim = async (dir: string, mine: Newest): Promise<void> => {
  const found = await read(dir);
  if (found !== null && displaces(found, mine)) throw new Error("A newer runner has the profile.");
};

type Watch = {
  dir: string;
  mine: Newest;
  /** Called once, with the number of the runner that came after this one. */
  onNewer: (generation: number) => void;
  log: Logger;
  everyMs?: number;
};

/** Tells when a newer runner takes the profile. Returns the way to stop that. */
export const watchProfile = ({ dir, mine, onNewer, log, everyMs = LOOK_EVERY_MS }: Watch): (() => void) => {
  let watcher: FSWatcher | undefined;
  let looking: Promise<void> = Promise.resolve();
  let over = false;

  const stop = (): void => {
    over = true;
    watcher?.close();
    clearInterval(timer);
  };
  const look = async (): Promise<void> => {
    if (over) return;
    watchFile();
    const found = await read(dir);
    if (over || found === null) return; // the profile is being removed
    if (displaces(found, mine)) {
      stop();
      onNewer(found.generation);
    } else if (found.runnerId !== mine.runnerId) await write(dir, mine); // both came at once, and the older one wrote last
  };
  const lookSoon = (): void => {
    looking = looking
      .then(look)
      .catch((cause: unknown) =>
        log.warn({ err: cause }, "the profile does not say which runner is its newest"),
      );
  };
  /** Anew each time: it is the file that is watched, and a new one takes its place. */
  const watchFile = (): void => {
    watcher?.close();
    watcher = undefined;
    try {
      watcher = watch(fileOf(dir), lookSoon);
      watcher.on("error", () => undefined); // it is looked at from time to time as well
    } catch (cause) {
      log.debug({ err: cause }, "changes of the profile are not told");
    }
  };
  const timer = setInterval(lookSoon, everyMs);
  timer.unref();
  lookSoon();
  return stop;
};

/** One number for two runners comes of a database that was put back: then neither is sure to be the newest. */
const displaces = (found: Newest, mine: Newest): boolean =>
  found.generation > mine.generation ||
  (found.generation === mine.generation && found.runnerId !== mine.runnerId);

const read = async (dir: string): Promise<Newest | null> => {
  const text = await using(dir, () => readFile(fileOf(dir), "utf8").catch(absent));
  if (text === null) return null;
  try {
    return newestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(
      `${fileOf(dir)} cannot be read, so it is not known whose the profile is; remove that file if no other runner uses the profile.`,
      { cause },
    );
  }
};

const write = (dir: string, mine: Newest): Promise<void> =>
  using(dir, async () => {
    await mkdir(dir, { recursive: true });
    // Another runner may be writing at this moment.
    await replaceFile(fileOf(dir), `${JSON.stringify(mine)}\n`, `${fileOf(dir)}.${mine.runnerId}`);
    await syncFolder(dir);
  });

const using = async <T>(dir: string, task: () => Promise<T>): Promise<T> => {
  try {
    return await task();
  } catch (cause) {
    throw new Error(`The profile in ${dir} cannot be used: ${(cause as Error).message}.`, { cause });
  }
};
