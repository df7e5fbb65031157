import { open, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** A text file that only grows by whole lines. */
export type AppendLog = {
  /** Resolves when the line is on the disk. Lines appended at the same time share one `fdatasync`. */
  append(line: string): Promise<void>;
  /** Resolves when the system has the line: it survives this process, but not a loss of power. */
  appendWithoutSync(line: string): Promise<void>;
  /** Replaces the whole file by the lines there are when its turn comes, or leaves it as it is. */
  rewrite(lines: () => readonly string[]): Promise<void>;
  /** Bytes in the file. */
  readonly size: number;
  close(): Promise<void>;
};

type Waiting = { line: string; sync: boolean; resolve: () => void; reject: (cause: unknown) => void };

/** Opens (or makes) the file and reads its lines. A last line that a crash cut off is removed. */
export const openAppendLog = async (path: string): Promise<{ log: AppendLog; lines: string[] }> => {
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

  const write = async (batch: readonly Waiting[]): Promise<void> => {
    const bytes = Buffer.from(batch.map(({ line }) => `${line}\n`).join(""));
    try {
      await file.appendFile(bytes);
      if (batch.some(({ sync }) => sync)) await file.datasync();
      size += bytes.length;
    } catch (cause) {
      // Half a batch must not stay: the next line would be glued to it.
      await file.truncate(size);
      throw cause;
    }
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      await write(batch).then(
        () => batch.forEach(({ resolve }) => resolve()),
        (cause: unknown) => batch.forEach(({ reject }) => reject(cause)),
      );
    }
  };

  /** One writer at a time: what is appended during a write or a rewrite goes with the next batch. */
  const exclusively = (task: () => Promise<void>): Promise<void> => {
    const done = (work ?? Promise.resolve()).then(task);
    work = done.catch(() => undefined);
    return done;
  };

  const enqueue = (line: string, sync: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      queue.push({ line, sync, resolve, reject });
      if (queue.length === 1) exclusively(drain).catch(reject);
    });

  const log: AppendLog = {
    get size() {
      return size;
    },
    append: (line) => enqueue(line, true),
    appendWithoutSync: (line) => enqueue(line, false),
    rewrite: (lines) =>
      exclusively(async () => {
        const next = await replaceFile(path, lines());
        await file.close();
        file = next.file;
        size = next.size;
      }),
    close: () => exclusively(() => file.close()),
  };
  return { log, lines };
};

/** A log that is on no disk, for a runner that may touch none: whatever would have to be kept is refused. */
export const noLog: AppendLog = {
  append: () => Promise.reject(new Error("This runner keeps nothing.")),
  appendWithoutSync: () => Promise.reject(new Error("This runner keeps nothing.")),
  rewrite: () => Promise.resolve(),
  size: 0,
  close: () => Promise.resolve(),
};

const replaceFile = async (
  path: string,
  lines: readonly string[],
): Promise<{ file: FileHandle; size: number }> => {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "a", 0o600);
  try {
    await file.appendFile(bytes);
    await file.datasync();
    await rename(draft, path);
    await syncFolder(dirname(path));
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
