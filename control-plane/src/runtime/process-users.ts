import { createHash } from "node:crypto";
import { lchown, chmod, lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Mutex } from "async-mutex";
import { AppError, OperatorError } from "@whatsapp-engine/contract";

/** Users (and groups of the same numbers) that nothing else on the machine has. */
export type UidRange = { first: number; last: number };

/**
 * Gives each profile a user of its own, where the engine is root. The owner of the profile's folder says whose it is: its
 * own folder is root's, so that nobody else changes that.
 */
export const createProfileUsers = (root: string, range: UidRange) => {
  const turns = new Mutex();
  const isOurs = (uid: number): boolean => uid >= range.first && uid <= range.last;

  /** Undefined: none yet, or one of another range. */
  const userOf = async (profileId: string): Promise<number | undefined> => {
    const uid = (await lstat(join(root, profileId)).catch(absent))?.uid;
    return uid !== undefined && isOurs(uid) ? uid : undefined;
  };

  /** One that no other profile has; always the same first choice for a profile, so that none is soon another's. */
  const freeFor = async (profileId: string): Promise<number> => {
    const others = (await readdir(root)).filter((name) => name !== profileId);
    const taken = new Set(await Promise.all(others.map(userOf)));
    const own = await userOf(profileId);
    if (own !== undefined && !taken.has(own)) return own;
    const size = range.last - range.first + 1;
    const begin = createHash("sha256").update(profileId).digest().readUInt32BE(0);
    for (let step = 0; step < size; step += 1) {
      const uid = range.first + ((begin + step) % size);
      if (!taken.has(uid)) return uid;
    }
    throw new AppError(
      "capacity_exceeded",
      `RUNNER_UIDS (${range.first}-${range.last}) has no user left for another session; widen it, or delete sessions.`,
    );
  };

  /** Whether all of it was given: an engine of before takes the browser's folder back. */
  const isGiven = async (profileId: string): Promise<boolean> => {
    const uid = await userOf(profileId);
    const browser = await lstat(join(root, profileId, "browser")).catch(absent);
    return uid !== undefined && (browser === undefined || browser.uid === uid);
  };

  return {
    userOf,
    /**
     * Returns the profile's user. A profile that has none, or is an engine's of before, is given to one, once, with all
     * that is in it; nothing may be running on it.
     */
    ensure: (profileId: string): Promise<number> =>
      turns.runExclusive(async () => {
        const uid = await freeFor(profileId);
        const isShared = uid !== (await userOf(profileId));
        if (isShared || !(await isGiven(profileId))) await give(join(root, profileId), uid);
        return uid;
      }),
  };
};

/**
 * Gives `path` and all below it to `uid`; the folder that it is in must be root's. From the top down each folder is made
 * root's, and closed, before what is in it is looked at: so nobody else can put a link in the place of what was looked
 * at. Its owner of before is told last that all was done. A file with another name elsewhere stays whose it is.
 */
const give = async (path: string, uid: number): Promise<void> => {
  const found = await lstat(path);
  if (found.isDirectory()) {
    await lchown(path, 0, 0);
    await chmod(path, 0o700);
    for (const name of await readdir(path)) await give(join(path, name), uid);
  } else if (found.nlink > 1) return;
  await lchown(path, uid, uid);
};

/** Throws an `OperatorError` where somebody on the machine has a user of the range. */
export const checkUnused = async (range: UidRange, passwd = "/etc/passwd"): Promise<void> => {
  const lines = ((await readFile(passwd, "utf8").catch(absent)) ?? "").split("\n");
  for (const [name, , uid] of lines.map((line) => line.split(":"))) {
    if (uid === undefined || Number(uid) < range.first || Number(uid) > range.last) continue;
    throw new OperatorError(
      `RUNNER_UIDS ${range.first}-${range.last} holds user ${uid}, which is ${name}'s; give a range that nobody has.`,
    );
  }
};

const absent = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "ENOENT") throw error;
};
