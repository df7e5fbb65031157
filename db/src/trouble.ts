import { closeSync, openSync, readSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { BUSY_TIMEOUT_MS, fileOf, withoutSync, type Db } from "./open.ts";

/** Room below which a disk counts as full: the write-ahead log (8 MB) and one file of a message (16 MB), with some to spare. */
const MIN_FREE_BYTES = 32 * 1024 * 1024;
/** An administrator's short look or change is no trouble. */
const BUSY_MS = 5_000;
const HEADER = "SQLite format 3\0";

const SENTENCES = {
  full: "The disk of the data folder is full; nothing can be accepted until there is room.",
  readOnly:
    "The data folder cannot be written: its disk is read-only. Nothing can be accepted until it takes what is written again.",
  failing: "The disk of the data folder fails; nothing can be accepted until it takes what is written again.",
  damaged:
    "The database is damaged. Stop the engine and put a copy in its place: docs/operate.md says how. Nothing can be accepted until then.",
  busy: "Another program holds the database; nothing can be accepted until it lets go.",
  other: "The database cannot be written right now; try again in a moment.",
};
type Kind = keyof typeof SENTENCES;

/** By the beginning of an error's code, of SQLite or of the file system. */
const KINDS: [RegExp, Kind][] = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)$/, "full"],
  [/^(SQLITE_READONLY|EROFS$)/, "readOnly"],
  [/^(SQLITE_IOERR|EIO$)/, "failing"],
  [/^(SQLITE_CORRUPT|SQLITE_NOTADB)/, "damaged"],
  [/^(SQLITE_BUSY|SQLITE_LOCKED)/, "busy"],
  [/^SQLITE_/, "other"],
];

const kindOf = (error: unknown): Kind | null => {
  const code = String((error as { code?: unknown } | null)?.code);
  return KINDS.find(([pattern]) => pattern.test(code))?.[1] ?? null;
};

/** What an error of the database, or of a file beside it, is to people; null: it is none of these. */
export function databaseTroubleOf(error: unknown): string | null {
  const kind = kindOf(error);
  return kind === null ? null : SENTENCES[kind];
}

export type DatabaseCheck = {
  /** What is wrong with the database or its disk now, as a sentence; null: nothing. Waits for nobody's lock. */
  look(): Promise<string | null>;
  /** Takes notice of an error that some work met: a database that is damaged stays so. */
  note(error: unknown): void;
};

/**
 * Looks whether the database can be written, in the file that stands in the data folder, on a disk with room. `now`: milliseconds
 * of a clock that only goes forward.
 */
export function createDatabaseCheck({
  db,
  dataDir,
  now,
}: {
  db: Db;
  dataDir: string;
  now: () => number;
}): DatabaseCheck {
  const file = fileOf(dataDir);
  const inodes = new Map<string, number>();
  let damaged = false;
  let busySince: number | null = null;

  /** SQLite goes on with a file that has no name any more, and all of it is gone with the process. */
  function isReplaced(): boolean {
    return [file, `${file}-wal`].some((path) => {
      const inode = statSync(path, { throwIfNoEntry: false })?.ino;
      const first = inodes.get(path) ?? inode;
      if (first !== undefined) inodes.set(path, first);
      return inode !== first;
    });
  }
  isReplaced();

  /** A write that changes nothing. */
  function write(): Kind | null {
    const client = db.$client;
    client.pragma("busy_timeout = 0");
    try {
      withoutSync(db, () =>
        client.pragma(`user_version = ${client.pragma("user_version", { simple: true })}`),
      );
      busySince = null;
      return null;
    } catch (error) {
      const kind = kindOf(error) ?? "other";
      if (kind !== "busy") return kind;
      busySince ??= now();
      return now() - busySince < BUSY_MS ? null : kind;
    } finally {
      client.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  async function room(): Promise<string | null> {
    const { bsize, bavail, bfree, files, ffree } = await statfs(dataDir);
    // What the file system keeps back is for root.
    const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    if (free >= MIN_FREE_BYTES && (files === 0 || ffree > 0)) return null;
    const left = `${Math.floor(free / 1024 / 1024)} MB`;
    return `The disk of the data folder ${dataDir} is full (${left} and ${ffree} files are left); not all can be accepted until there is room.`;
  }

  return {
    async look() {
      if (isReplaced())
        return `The database ${file} was removed or replaced while the engine runs. Stop the engine, put the file back, and start it again; what is accepted until then is lost.`;
      if (damaged || !hasHeader(file)) return SENTENCES.damaged;
      const found = write();
      return found === null || found === "full"
        ? ((await room()) ?? (found && SENTENCES[found]))
        : SENTENCES[found];
    },
    note(error) {
      damaged ||= kindOf(error) === "damaged";
    },
  };
}

function hasHeader(path: string): boolean {
  const bytes = Buffer.alloc(HEADER.length);
  const file = openSync(path, "r");
  try {
    return readSync(file, bytes, 0, bytes.length, 0) === bytes.length && bytes.toString("latin1") === HEADER;
  } finally {
    closeSync(file);
  }
}
