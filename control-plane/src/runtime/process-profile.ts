import { chmod, chown, lstat, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { OperatorError } from "@whatsapp-engine/contract";
import type { Place } from "@whatsapp-engine/processes";
import { extract, pack, type ExtractOptions } from "tar-fs";
import {
  MAX_FILE_BYTES,
  claimOf,
  generationOf,
  profileFiles,
  type ProfileContents,
} from "./profile-contents.ts";

/** User and group `nobody`: what Chromium runs under where the engine itself is root. */
export const CHROMIUM_UID = 65_534;

/**
 * Profiles of the process runtime: `<data folder>/profiles/<profile id>`. In each, `browser` holds Chromium's
 * user data and belongs to Chromium's user, `runner.pid` says which process uses it, and the rest is the runner's.
 */
export type ProfileStore = {
  dir(profileId: string): string;
  /** Where to look for what is on it. */
  place(profileId: string): Place;
  /** Makes the profile's folders if they are missing. */
  create(profileId: string): Promise<string>;
  remove(profileId: string): Promise<void>;
  /** What is in the profile, as a tar. */
  pack(profileId: string): Readable;
  /** Makes a profile of a tar. The runner gives Chromium's part of it to Chromium's user. */
  unpack(profileId: string, tar: Readable): Promise<void>;
  list(): Promise<string[]>;
  /** Which process group may be using the profile, as last recorded. */
  readOwner(profileId: string): Promise<string | undefined>;
  writeOwner(profileId: string, owner: string): Promise<void>;
  /** Nothing uses the profile any more, unless another than this process group was recorded since. */
  clearOwner(profileId: string, pid: number): Promise<void>;
  /** What the profile says of itself; undefined: there is none. */
  read(profileId: string): Promise<ProfileContents | undefined>;
};

/** `chromiumUid` undefined: Chromium runs under our own user. */
export const createProfileStore = (dataDir: string, chromiumUid: number | undefined): ProfileStore => {
  const root = join(dataDir, "profiles");
  const dir = (profileId: string) => {
    if (!/^[A-Za-z0-9_-]+$/.test(profileId)) throw new Error("A profile id is letters, digits, _ and -.");
    return join(root, profileId);
  };
  const ownerFile = (profileId: string) => join(dir(profileId), "runner.pid");
  const readOwner = (profileId: string) => readFile(ownerFile(profileId), "utf8").catch(ifMissing(undefined));
  const store: ProfileStore = {
    dir,
    place: (profileId) => ({
      folder: dir(profileId),
      userDataDir: join(dir(profileId), profileFiles.userData),
    }),
    async create(profileId) {
      const browser = join(dir(profileId), "browser");
      await mkdir(browser, { recursive: true, mode: 0o700 });
      if (chromiumUid !== undefined) {
        await chown(browser, chromiumUid, chromiumUid);
        // Folders on the way may be entered, not read, by Chromium's user.
        for (const folder of [dir(profileId), root]) await chmod(folder, 0o711);
      }
      return dir(profileId);
    },
    remove: (profileId) => rm(dir(profileId), { recursive: true, force: true, maxRetries: 5 }),
    pack: (profileId) => Readable.from(pack(dir(profileId)), { objectMode: false }),
    async unpack(profileId, tar) {
      await pipeline(tar, extract(await store.create(profileId), { chown: false } as ExtractOptions));
    },
    async list() {
      const entries = await readdir(root, { withFileTypes: true }).catch(ifMissing([]));
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },
    readOwner,
    writeOwner: (profileId, owner) => writeFile(ownerFile(profileId), owner, { mode: 0o600 }),
    async clearOwner(profileId, pid) {
      const owner = await readOwner(profileId);
      if (Number.parseInt(owner ?? "", 10) === pid) await rm(ownerFile(profileId), { force: true });
    },
    async read(profileId) {
      if (!(await stat(dir(profileId)).catch(ifMissing(undefined)))) return undefined;
      const file = (name: string) => join(dir(profileId), name);
      const [claim, generation, linked, owner] = await Promise.all([
        readText(file(profileFiles.claim)),
        readText(file(profileFiles.generation)),
        stat(file(profileFiles.linked)).catch(ifMissing(undefined)),
        readOwner(profileId),
      ]);
      return {
        claim: claimOf(claim),
        linked: linked !== undefined,
        generation: generationOf(generation),
        hasRunner: owner !== undefined,
      };
    },
  };
  return store;
};

/** Throws an `OperatorError` naming the first folder on the way to `path` that `uid` cannot enter. */
export const checkCanEnter = async (path: string, uid: number): Promise<void> => {
  const parent = dirname(path);
  if (parent !== path) await checkCanEnter(parent, uid);
  const found = await stat(path).catch(ifMissing(undefined));
  if (!found) return;
  const bit = found.uid === uid ? 0o100 : found.gid === uid ? 0o010 : 0o001;
  if ((found.mode & bit) === 0)
    throw new OperatorError(
      `Chromium runs as user ${uid} and may not enter ${path}; set DATA_DIR to a folder that every user can enter, or run: chmod o+x ${path}`,
    );
};

/** Null: there is no such file; empty: what is there is no file of a runner's. */
const readText = async (path: string): Promise<string | null> => {
  const found = await lstat(path).catch(ifMissing(undefined));
  if (found === undefined) return null;
  return found.isFile() && found.size <= MAX_FILE_BYTES ? readFile(path, "utf8") : "";
};

const ifMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  };
