import { constants } from "node:fs";
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { OperatorError } from "@whatsapp-engine/contract/api";
import type { Place } from "@whatsapp-engine/processes";
import { createUserFiles } from "./as-user.ts";
import { createProfileUsers, type UidRange } from "./users.ts";
import {
  MAX_FILE_BYTES,
  claimOf,
  generationOf,
  profileFiles,
  type ProfileContents,
} from "../profile-contents.ts";

/**
 * Profiles of the process runtime: `<data folder>/profiles/<profile id>`, all of it the runner's, whose user it belongs to
 * where the engine is root: then the engine touches nothing in it but as that user. `<data folder>/runners/<profile id>`
 * says which process uses it.
 */
export type ProfileFolders = {
  dir(profileId: string): string;
  /** Where to look for what is on it. */
  place(profileId: string): Promise<Place>;
  /** Makes the profile's folder if it is missing. Returns whose it is; undefined: our own user's. */
  create(profileId: string): Promise<number | undefined>;
  remove(profileId: string): Promise<void>;
  /** What is in the profile, as a tar. */
  pack(profileId: string): AsyncGenerator<Buffer>;
  /** Makes a profile of a tar. */
  unpack(profileId: string, tar: Readable): Promise<void>;
  list(): Promise<string[]>;
  /** Which process group may be using the profile, as last recorded. */
  readOwner(profileId: string): Promise<string | undefined>;
  writeOwner(profileId: string, owner: string): Promise<void>;
  /** Nothing uses the profile any more, unless another than this process group was recorded since. */
  clearOwner(profileId: string, pid: number): Promise<void>;
  /**
   * Once at start: takes over what an engine of before recorded in the profiles, and the user from a profile that has another's, as
   * a copy made by hand does.
   */
  adopt(): Promise<void>;
  /** What the profile says of itself; undefined: there is none. */
  read(profileId: string): Promise<ProfileContents | undefined>;
};

type Options = {
  dataDir: string;
  /** Users to give to profiles; undefined: all are our own user's, who is not root. */
  uids: UidRange | undefined;
  /** Where programs are looked for. */
  searchPath: string;
};

export const createProfileFolders = ({ dataDir, uids, searchPath }: Options): ProfileFolders => {
  const root = join(dataDir, "profiles");
  const owners = join(dataDir, "runners");
  const users = uids && createProfileUsers(root, uids);
  const files = createUserFiles(searchPath);
  const within = (folder: string, profileId: string) => {
    if (!/^[A-Za-z0-9_-]+$/.test(profileId)) throw new Error("A profile id is letters, digits, _ and -.");
    return join(folder, profileId);
  };
  const dir = (profileId: string) => within(root, profileId);
  const ownerFile = (profileId: string) => within(owners, profileId);
  const readOwner = (profileId: string) => readFile(ownerFile(profileId), "utf8").catch(ifMissing(undefined));
  const exists = async (profileId: string) =>
    (await lstat(dir(profileId)).catch(ifMissing(undefined))) !== undefined;
  const folders: ProfileFolders = {
    dir,
    async place(profileId) {
      const folder = dir(profileId);
      const uid = await users?.userOf(profileId);
      return { folder, userDataDir: join(folder, profileFiles.userData), ...(uid !== undefined && { uid }) };
    },
    async create(profileId) {
      await mkdir(dir(profileId), { recursive: true, mode: 0o700 });
      if (users === undefined) return undefined;
      await chmod(root, 0o711); // to be passed through, and not read
      return users.ensure(profileId);
    },
    async remove(profileId) {
      if (await exists(profileId)) {
        await files.empty(await users?.ensure(profileId), dir(profileId));
        await rmdir(dir(profileId));
      }
      await rm(ownerFile(profileId), { force: true });
    },
    async *pack(profileId) {
      yield* files.pack(await users?.ensure(profileId), dir(profileId));
    },
    async unpack(profileId, tar) {
      await files.unpack(await folders.create(profileId), dir(profileId), tar);
    },
    async list() {
      const entries = await readdir(root, { withFileTypes: true }).catch(ifMissing([]));
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },
    readOwner,
    async writeOwner(profileId, owner) {
      await mkdir(owners, { recursive: true, mode: 0o700 });
      await writeFile(ownerFile(profileId), owner, { mode: 0o600 });
    },
    async clearOwner(profileId, pid) {
      const owner = await readOwner(profileId);
      if (Number.parseInt(owner ?? "", 10) === pid) await rm(ownerFile(profileId), { force: true });
    },
    async adopt() {
      await mkdir(owners, { recursive: true, mode: 0o700 });
      const taken = new Set<number>();
      for (const profileId of await folders.list()) {
        const uid = await users?.userOf(profileId);
        if (uid !== undefined) {
          // What runs as this user would be ended as if it were on both.
          if (taken.has(uid)) await lchown(dir(profileId), 0, 0);
          taken.add(uid);
        }
        // A file in a folder that is somebody else's may say what they like.
        if ((await lstat(dir(profileId))).uid !== process.geteuid?.()) continue;
        await rename(join(dir(profileId), "runner.pid"), ownerFile(profileId)).catch(ifMissing(undefined));
      }
    },
    async read(profileId) {
      if (!(await exists(profileId))) return undefined;
      const file = (name: string) => join(dir(profileId), name);
      const [claim, generation, linked, owner] = await Promise.all([
        readText(file(profileFiles.claim)),
        readText(file(profileFiles.generation)),
        isFileIn(file(dirname(profileFiles.linked)), file(profileFiles.linked)),
        readOwner(profileId),
      ]);
      return {
        claim: claimOf(claim),
        linked,
        generation: generationOf(generation),
        hasRunner: owner !== undefined,
      };
    },
  };
  return folders;
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
      `Sessions run as users of their own, such as ${uid}, who may not enter ${path}; set DATA_DIR to a folder that every user can enter, or run: chmod o+x ${path}`,
    );
};

/** Null: there is no such file; empty: what is there is no file of a runner's. Follows no link, and waits for no pipe. */
const readText = async (path: string): Promise<string | null> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      if (["ELOOP", "ENXIO", "EACCES"].includes(error.code ?? "")) return undefined;
      throw error;
    },
  );
  if (!file) return file === null ? null : "";
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1));
    return size <= MAX_FILE_BYTES ? buffer.toString("utf8", 0, bytesRead) : "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") return "";
    throw error;
  } finally {
    await file.close();
  }
};

/** Whether a file is there, which is only looked at. Throws where its folder is none, such as a link: then it is not known. */
const isFileIn = async (folder: string, path: string): Promise<boolean> => {
  const above = await lstat(folder).catch(ifMissing(undefined));
  if (above === undefined) return false;
  if (!above.isDirectory()) throw new Error(`${folder} is no folder.`);
  return (await lstat(path).catch(ifMissing(undefined)))?.isFile() === true;
};

const ifMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  };
