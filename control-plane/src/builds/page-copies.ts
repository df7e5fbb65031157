import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { whatsappVersionSchema } from "@whatsapp-engine/contract/api";
import { MAX_PAGE_BYTES } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";

/** Copies that are kept, besides those that are pinned; WhatsApp makes a few versions a week. */
const MOST = 20;

const SUFFIX = ".html";
/** A copy that is being written. */
const DRAFT = /^[0-9a-f-]{36}\.part$/;

export type PageCopy = {
  version: string;
  bytes: number;
  /** When it was kept, put there, or last handed to a runner; in milliseconds since 1970. */
  usedAt: number;
};

export type PageCopies = ReturnType<typeof createPageCopies>;

/**
 * Copies of the document that a version of WhatsApp Web begins with, as `<dataDir>/whatsapp-web/<version>.html`. An operator may
 * put one there; files with other names are let be.
 */
export function createPageCopies({
  dataDir,
  isPinned,
  clock,
}: {
  dataDir: string;
  /** Such a copy is kept however old it is. */
  isPinned: (version: string) => boolean;
  clock: Clock;
}) {
  const folder = join(dataDir, "whatsapp-web");
  const makeFolder = () => mkdirSync(folder, { recursive: true, mode: 0o700 });
  makeFolder();
  // Of an engine that was killed; no other one uses this folder.
  for (const name of readdirSync(folder)) if (DRAFT.test(name)) rmSync(join(folder, name));
  const pathOf = (version: string) => join(folder, whatsappVersionSchema.parse(version) + SUFFIX);

  /** Somebody may have removed the folder, with what is in it. */
  function names(): string[] {
    try {
      return readdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** The one used last first. */
  function list(): PageCopy[] {
    const copies = names().flatMap((name) => {
      const version = name.slice(0, -SUFFIX.length);
      if (!name.endsWith(SUFFIX) || !whatsappVersionSchema.safeParse(version).success) return [];
      const found = statSync(join(folder, name), { throwIfNoEntry: false });
      const usable = found?.isFile() === true && found.size > 0 && found.size <= MAX_PAGE_BYTES;
      return usable ? [{ version, bytes: found.size, usedAt: Math.floor(found.mtimeMs) }] : [];
    });
    return copies.toSorted((one, other) => other.usedAt - one.usedAt);
  }
  const has = (version: string) => list().some((copy) => copy.version === version);

  return {
    list,
    has,

    /** For a runner that is started with it. Null where there is none. */
    async use(version: string): Promise<Buffer | null> {
      if (!has(version)) return null;
      const now = clock.now() / 1000;
      // One that an operator put there may be another user's, or on a disk that cannot be written.
      await utimes(pathOf(version), now, now).catch(() => undefined);
      return readFile(pathOf(version));
    },

    /** Keeps a copy, unless there is one of this version: the first stays. The oldest that nobody needs go. */
    async keep(version: string, html: string): Promise<void> {
      if (has(version)) return;
      makeFolder();
      const draft = join(folder, `${randomUUID()}.part`);
      try {
        await writeFile(draft, html, { mode: 0o600, flag: "wx", flush: true });
        await rename(draft, pathOf(version));
      } finally {
        await rm(draft, { force: true });
      }
      const surplus = list()
        .filter((copy) => !isPinned(copy.version))
        .slice(MOST);
      for (const copy of surplus) await rm(pathOf(copy.version), { force: true });
    },
  };
}
