import { appendFile, readFile, stat } from "node:fs/promises";
import { cut } from "@whatsapp-engine/contract/runner";
import type { Logger } from "./logger.ts";

/** What could not be read, kept aside for an operator: lines of the journal, and what the page told. */
export type Unread = {
  /** How often something could not be read since the file was begun. */
  readonly count: number;
  /** When the last of it came, ISO 8601; null: there is nothing. */
  readonly lastAt: string | null;
  /** Keeps a text, or the beginning of a long one. Does not throw. */
  keep(from: "journal" | "page", why: string, text: string): void;
  /** Calls back when the count has grown: at once, and then at most once a minute. */
  onGrown(listener: () => void): void;
  /** Resolves when all of it is on the disk, or could not be written. */
  written(): Promise<void>;
};

/** Longest part of one text that is kept, in UTF-16 units, and bytes of the file above which no more is written. */
const MAX_KEPT_LENGTH = 65_536;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_WHY_LENGTH = 500;
/** A page that tells nonsense all the time must not fill log and stream with it. */
const TELL_EVERY_MS = 60_000;

/** `path`: null where nothing may be written. */
type Deps = {
  path: string | null;
  log: Pick<Logger, "warn">;
  now?: () => number;
  tellEveryMs?: number;
};

export const openUnread = async (deps: Deps): Promise<Unread> => {
  const { path, log, now = Date.now, tellEveryMs = TELL_EVERY_MS } = deps;
  const listeners: (() => void)[] = [];
  const found = path === null ? "" : await readFile(path, "utf8").catch(() => "");
  let count = found.split("\n").length - 1;
  let bytes = Buffer.byteLength(found);
  let lastAt = bytes === 0 ? null : (await stat(path!)).mtime.toISOString();
  let writing: Promise<unknown> = Promise.resolve();
  let next: NodeJS.Timeout | undefined;
  let untold: string | null = null;

  const tell = (): void => {
    next = undefined;
    if (untold === null) return;
    log.warn(
      { unreadLines: count, why: untold, keptIn: path },
      "something could not be read; it is kept aside",
    );
    untold = null;
    for (const listener of listeners) listener();
    next = setTimeout(tell, tellEveryMs).unref();
  };

  return {
    get count() {
      return count;
    },
    get lastAt() {
      return lastAt;
    },
    keep: (from, why, text) => {
      const reason = cut(why, MAX_WHY_LENGTH);
      count += 1;
      lastAt = new Date(now()).toISOString();
      untold = reason;
      if (next === undefined) tell();
      if (path === null || bytes > MAX_FILE_BYTES) return;
      const line = `${JSON.stringify({ at: lastAt, from, why: reason, text: cut(text, MAX_KEPT_LENGTH) })}\n`;
      bytes += Buffer.byteLength(line);
      writing = writing
        .then(() => appendFile(path, line, { mode: 0o600 }))
        .catch((cause: unknown) => log.warn({ err: cause }, "what could not be read was not kept"));
    },
    onGrown: (listener) => void listeners.push(listener),
    written: async () => void (await writing),
  };
};
