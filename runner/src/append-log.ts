import { open, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** A text file that only grows by whole lines. */
export type AppendLog = {
  /**
   * Resolves when the line is on the disk. Lines appended at the same time share one `fdatasync`. Rejects where the disk does not take
   * it, and all that comes after it, until `retry` or `rewrite` brought them there in their order.
   */
  append(line: string): Promise<void>;
  /** Resolves when the system has the line: it survives this process, but not a loss of power. */
  appendWithoutSync(line: string): Promise<void>;
  /** Replaces the whole file by the lines there are when its turn comes, or leaves it as it is. They must have what was rejected. */
  rewrite(lines: () => readonly string[]): Promise<void>;
  /** Writes what was rejected. */
  retry(): Promise<void>;
  /** Whether something was rejected and is not on the disk yet. */
  readonly isBehind: boolean;
  /** So much was rejected that it is not kept here: only `rewrite` helps. */
  readonly mustRewrite: boolean;
  /** Bytes in the file. */
  readonly size: number;
  close(): Promise<void>;
};

type Waiting = { line: string; sync: boolean; resolve: () => void; reject: (cause: unknown) => void };

/** Bytes of lines that are kept to be written later. */
const MAX_BEHIND = 8 * 1024 * 1024;

/**
 * Opens (or makes) the file and reads its lines. A last line that a crash cut off is removed. `confirm` throws where the file must not
 * be replaced any more, as it is somebody else's by now.
 */
export const openAppendLog = async (
  path: string,
  confirm: () => Promise<void> = () => Promise.resolve(),
): Promise<{ log: AppendLog; lines: string[] }> => {
  const found = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return Buffer.alloc(0);
    throw cause;
  });
  let size = found.lastIndexOf("\n") + 1;
  const lines = found.subarray(0, size).toString("utf8").split("\n").slice(0, -1);
  let file = await open(path, "a", 0o600);
  if (size !== found.length) await file.truncate(size);

  let queue: Waiting[] = [];
  let work: Promise<void> | undefined;
  /** What was rejected, and why the first of it was; null: nothing. */
  let behind: { lines: string[]; bytes: number; cause: unknown } | null = null;
  /** Only a new file helps: a line may stand in this one by half, or too much was rejected to be kept here. */
  let mustRewrite = false;
  /** The file's name is not on the disk yet. */
  let isNameless = false;

  const write = async (lines: readonly string[], sync: boolean): Promise<void> => {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    try {
      await file.appendFile(bytes);
      if (sync) await file.datasync();
      size += bytes.length;
    } catch (cause) {
      // Half a batch must not stay: the next line would be glued to it.
      await file.truncate(size).catch(() => (mustRewrite = true));
      throw cause;
    }
  };

  const keepBack = (lines: readonly string[], cause: unknown): void => {
    behind ??= { lines: [], bytes: 0, cause };
    behind.lines.push(...lines);
    for (const line of lines) behind.bytes += line.length;
    if (behind.bytes <= MAX_BEHIND) return;
    mustRewrite = true;
    behind = { lines: [], bytes: 0, cause: behind.cause };
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      const lines = batch.map(({ line }) => line);
      try {
        await write(
          lines,
          batch.some(({ sync }) => sync),
        );
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        // What came meanwhile must not stand before it.
        const all = [...batch, ...queue.splice(0)];
        keepBack(
          all.map(({ line }) => line),
          cause,
        );
        for (const { reject } of all) reject(cause);
      }
    }
  };

  /** Writes what was rejected; again, if more was meanwhile. */
  const catchUp = async (): Promise<void> => {
    if (mustRewrite) throw behind?.cause ?? new Error("The file must be written anew.");
    const lines = behind?.lines ?? [];
    const count = lines.length;
    if (count > 0) await write([...lines], true);
    lines.splice(0, count);
    if (isNameless) await syncFolder(dirname(path));
    isNameless = false;
    if (mustRewrite || (behind?.lines.length ?? 0) > 0) return catchUp();
    behind = null;
  };

  /** One writer at a time: what is appended during a write or a rewrite goes with the next batch. */
  const exclusively = (task: () => Promise<void>): Promise<void> => {
    const done = (work ?? Promise.resolve()).then(task);
    work = done.catch(() => undefined);
    return done;
  };

  const enqueue = (line: string, sync: boolean): Promise<void> => {
    if (behind !== null) {
      keepBack([line], behind.cause);
      return Promise.reject(behind.cause as Error);
    }
    return new Promise((resolve, reject) => {
      queue.push({ line, sync, resolve, reject });
      if (queue.length === 1) exclusively(drain).catch(reject);
    });
  };

  const log: AppendLog = {
    get size() {
      return size;
    },
    append: (line) => enqueue(line, true),
    appendWithoutSync: (line) => enqueue(line, false),
    rewrite: (lines) =>
      exclusively(async () => {
        // What is rejected from here on is not among the lines.
        const before = { behind, mustRewrite };
        if (behind) behind = { lines: [], bytes: 0, cause: behind.cause };
        mustRewrite = false;
        const old = file;
        try {
          const next = await replaceFile(path, lines(), confirm);
          file = next.file;
          size = next.size;
        } catch (cause) {
          mustRewrite ||= before.mustRewrite;
          const later = behind?.lines ?? [];
          behind = before.behind;
          if (later.length > 0) keepBack(later, cause);
          throw cause;
        }
        isNameless = true;
        await old.close();
        await catchUp().catch((cause: unknown) => {
          keepBack([], cause);
          throw cause;
        });
      }),
    retry: () => exclusively(catchUp),
    get isBehind() {
      return behind !== null;
    },
    get mustRewrite() {
      return mustRewrite;
    },
    close: () => exclusively(() => file.close()),
  };
  return { log, lines };
};

/** A log that is on no disk, for a runner that may touch none: whatever would have to be kept is refused. */
export const noLog: AppendLog = {
  append: () => Promise.reject(new Error("This runner keeps nothing.")),
  appendWithoutSync: () => Promise.reject(new Error("This runner keeps nothing.")),
  rewrite: () => Promise.resolve(),
  retry: () => Promise.resolve(),
  isBehind: false,
  mustRewrite: false,
  size: 0,
  close: () => Promise.resolve(),
};

const replaceFile = async (
  path: string,
  lines: readonly string[],
  confirm: () => Promise<void>,
): Promise<{ file: FileHandle; size: number }> => {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "a", 0o600);
  try {
    await file.appendFile(bytes);
    await file.datasync();
    await confirm();
    await rename(draft, path);
  } catch (cause) {
    await file.close();
    // On a disk that is full it takes the room that is left.
    await rm(draft, { force: true }).catch(() => undefined);
    throw cause;
  }
  return { file, size: bytes.length };
};

/** A rename is on the disk only once its folder is. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};
