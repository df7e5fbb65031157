import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../lib/clock.ts";

/** Bytes of the newest media that are kept in memory: they are wanted at once, and by all of a bulk. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** How the name of a file ends that is being written. */
const DRAFT = ".part";

export type MediaStore = ReturnType<typeof createMediaStore>;

/** Media of messages as files named by their SHA-256, in `<dataDir>/media`: the same picture for a thousand people is kept once. */
export function createMediaStore({ dataDir, clock }: { dataDir: string; clock: Clock }) {
  const folder = join(dataDir, "media");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const newest = new LRUCache<string, Buffer>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ length }) => length || 1,
  });
  const pathOf = (sha256: string) => join(folder, sha256);

  /** The name of a new file is on the disk only once its folder is. */
  async function syncFolder(): Promise<void> {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Whether the file is there; then it is as new as one that is written now. */
  function touch(path: string): boolean {
    const now = clock.now() / 1000;
    try {
      utimesSync(path, now, now);
      return true;
    } catch {
      return false;
    }
  }

  /** Nothing comes between the look and the removal: what is put now is either kept, or written anew. */
  function removeIfOld(path: string, before: number): boolean {
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: before };
    if (mtimeMs >= before) return false;
    rmSync(path);
    return true;
  }

  async function write(path: string, bytes: Buffer): Promise<void> {
    const draft = join(folder, `${randomUUID()}${DRAFT}`);
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } catch (cause) {
      await rm(draft, { force: true });
      throw cause;
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder();
  }

  return {
    /** Resolves when the bytes are on the disk under this name. */
    async put(sha256: string, bytes: Buffer): Promise<void> {
      const path = pathOf(sha256);
      if (!touch(path)) await write(path, bytes);
      newest.set(sha256, bytes);
    },

    /** Null when it is not there (any more). */
    read: async (sha256: string): Promise<Buffer | null> =>
      newest.get(sha256) ??
      readFile(pathOf(sha256)).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return null;
        throw cause;
      }),

    /** Removes files that were last put before `before` (ms) and that `needed` does not want; returns how many. */
    async removeOld(before: number, needed: (sha256: string) => boolean): Promise<number> {
      let removed = 0;
      for (const name of await readdir(folder)) {
        const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Number.MAX_VALUE }));
        if (
          name.endsWith(DRAFT) ||
          mtimeMs >= before ||
          needed(name) ||
          !removeIfOld(join(folder, name), before)
        )
          continue;
        newest.delete(name);
        removed += 1;
      }
      return removed;
    },

    /** Removes files that were begun before `before` (ms) and never came to their end; returns how many. */
    async removeDrafts(before: number): Promise<number> {
      const drafts = (await readdir(folder)).filter((name) => name.endsWith(DRAFT));
      return drafts.filter((name) => removeIfOld(join(folder, name), before)).length;
    },
  };
}
