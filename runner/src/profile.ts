import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { REMADE_BY_CHROMIUM, type claimCommandSchema } from "@whatsapp-engine/contract/runner";
import { syncFolder } from "./append-log.ts";

/**
 * What the runner keeps on its volume. Layout: `browser/` (the login), `outgoing/` (files on their way to the page),
 * `journal.ndjson`, `unread.ndjson` (what of journal and page could not be read), `claim.json`, `generation.json` (which runner is the newest on it).
 */
export type Profile = {
  readonly journalPath: string;
  readonly unreadPath: string;
  /** LocalAuth's folder. */
  readonly browserDir: string;
  /** Chromium's profile, where LocalAuth looks for it. */
  readonly userDataDir: string;
  /** Makes the folders. */
  prepare(): Promise<void>;
  /** Clears what a browser that was killed left behind. No browser may be running on it. */
  clearLocks(): Promise<void>;
  /** Removes what the browser makes anew. No browser may be running on it. */
  clearCaches(): Promise<void>;
  /** When the account in this login was linked, ISO 8601; null: no login. */
  linkedAt(): Promise<string | null>;
  /** Whether there is anything that a login may be in: the note of one, or data of a browser. */
  mayHoldLogin(): Promise<boolean>;
  /** Keeps since when there is a login in the browser's profile; null: there is none any more. */
  markLinked(at: string | null): Promise<void>;
  /** No browser may be running on it. */
  deleteLogin(): Promise<void>;
  /**
   * Runs `use` with the bytes as a file that Chromium may read. It is gone afterwards, and at the latest when the next
   * runner prepares.
   */
  withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T>;
  /** Resolves when the browser's files have been quiet for a moment, or after `deadlineMs`. */
  settled(deadlineMs: number): Promise<void>;
  writeClaim(claim: z.infer<typeof claimCommandSchema>): Promise<void>;
  /** Whether it serves a session. */
  isClaimed(): Promise<boolean>;
};

/** They name the process and host of the last run; Chromium would refuse to start beside them. */
const singletons = ["SingletonLock", "SingletonSocket", "SingletonCookie"];

/** Grows with every file that was ever sent or seen, and is worth nothing to the next run. */
const leftovers = ["Default/blob_storage", "Crashpad", "BrowserMetrics"];

/** The login counts as written when nothing was for this long: LevelDB writes within a second. */
const QUIET_MS = 1_000;
const LOOK_EVERY_MS = 100;

export const createProfile = (dir: string): Profile => {
  const browserDir = join(dir, "browser");
  const userDataDir = join(browserDir, "session");
  const linkedPath = join(browserDir, "linked");
  const goneDir = join(dir, "browser.deleted");
  const outgoingDir = join(dir, "outgoing");
  const claimPath = join(dir, "claim.json");

  return {
    journalPath: join(dir, "journal.ndjson"),
    unreadPath: join(dir, "unread.ndjson"),
    browserDir,
    userDataDir,
    prepare: async () => {
      await mkdir(userDataDir, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
        throw new Error(`The profile in ${dir} cannot be used: ${cause.message}.`, { cause });
      });
      await Promise.all([goneDir, outgoingDir].map((path) => rm(path, { recursive: true, force: true })));
      await mkdir(outgoingDir, { mode: 0o700 });
    },
    clearLocks: async () => {
      const stale = [...singletons, ...leftovers].map((name) => join(userDataDir, name));
      await Promise.all(stale.map((path) => rm(path, { recursive: true, force: true })));
    },
    clearCaches: async () => {
      for (const folder of ["browser/session", "browser/session/Default"]) {
        const names = (await readdir(join(dir, folder)).catch(absent)) ?? [];
        const remade = names
          .map((name) => `${folder}/${name}`)
          .filter((path) => REMADE_BY_CHROMIUM.test(path));
        await Promise.all(remade.map((path) => rm(join(dir, path), { recursive: true, force: true })));
      }
    },
    linkedAt: () => readFile(linkedPath, "utf8").catch(absent),
    mayHoldLogin: async () => {
      const found = [linkedPath, join(userDataDir, "Default")].map((path) => stat(path).catch(absent));
      return (await Promise.all(found)).some((one) => one !== null);
    },
    markLinked: (at) => (at === null ? rm(linkedPath, { force: true }) : replaceFile(linkedPath, at)),
    deleteLogin: async () => {
      // Renamed first: a login that is half deleted must never be started again.
      await rm(goneDir, { recursive: true, force: true });
      await rename(browserDir, goneDir).catch(absent);
      await syncFolder(dir);
      await rm(goneDir, { recursive: true, force: true });
    },
    withFile: async (bytes, use) => {
      const path = join(outgoingDir, randomUUID());
      try {
        await writeFile(path, bytes, { mode: 0o600, flag: "wx" });
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    settled: async (deadlineMs) => {
      const deadline = Date.now() + deadlineMs;
      let before = "";
      let quietSince = Date.now();
      while (Date.now() < deadline && Date.now() - quietSince < QUIET_MS) {
        const now = await fingerprint(userDataDir);
        if (now !== before) quietSince = Date.now();
        before = now;
        await delay(LOOK_EVERY_MS);
      }
    },
    writeClaim: async (claim) => {
      await replaceFile(claimPath, `${JSON.stringify(claim)}\n`);
      await syncFolder(dir);
    },
    isClaimed: async () => (await stat(claimPath).catch(absent)) !== null,
  };
};

export const absent = (cause: NodeJS.ErrnoException): null => {
  if (cause.code === "ENOENT") return null;
  throw cause;
};

/** Replaces the file whole; on the disk, but for its folder. */
export const replaceFile = async (path: string, text: string, draft = `${path}.new`): Promise<void> => {
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, path);
};

/** Names, sizes and times of the files that hold a login. */
const fingerprint = async (userDataDir: string): Promise<string> => {
  const stores = ["IndexedDB", "Local Storage", "Service Worker"].map((name) =>
    join(userDataDir, "Default", name),
  );
  const listed = await Promise.all(stores.map((store) => listFiles(store)));
  return listed.flat().join("\n");
};

const listFiles = async (dir: string): Promise<string[]> => {
  const names = (await readdir(dir, { recursive: true }).catch(absent)) ?? [];
  return Promise.all(
    names.map(async (name) => {
      const found = await stat(join(dir, name)).catch(absent);
      return `${name} ${found?.size} ${found?.mtimeMs}`;
    }),
  );
};
