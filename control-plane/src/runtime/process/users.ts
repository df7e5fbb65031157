import { createHash } from "node:crypto";
import { lchown, chmod, lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Mutex } from "async-mutex";
import { AppError, OperatorError } from "@whatsapp-engine/contract/api";

/** Users (and groups of the same numbers) that nothing else on the machine has. */
export type UidRange = { first: number; last: number };

/** How many users a profile may choose from, the first that no other has; two seldom begin with the same. */
const MAX_CHOICES = 1_000;

/**
 * Gives each profile a user of its own, where the engine is root. The owner of the profile's folder says whose it is: its
 * own folder is root's, so that nobody else changes that.
 */
export const createProfileUsers = (root: string, range: UidRange) => {
  const turns = new Mutex();
  const size = range.last - range.first + 1;
  /** By path, so that a copy of it elsewhere has other users than its original: what runs as a profile's user is ended with it. */
  const firstChoice = (profileId: string): number =>
    createHash("sha256").update(`${root}/${profileId}`).digest().readUInt32BE(0) % size;
  const isOwn = (profileId: string, uid: number): boolean =>
    uid >= range.first &&
    uid <= range.last &&
    (uid - range.first - firstChoice(profileId) + size) % size < MAX_CHOICES;

  /** Undefined: none yet, or one of another range or place. */
  const userOf = async (profileId: string): Promise<number | undefined> => {
    const uid = (await lstat(join(root, profileId)).catch(absent))?.uid;
    return uid !== undefined && isOwn(profileId, uid) ? uid : undefined;
  };

  /** One that no other profile has; always the same first choice for a profile, so that none is soon another's. */
  const freeFor = async (profileId: string): Promise<number> => {
    const others = (await readdir(root)).filter((name) => name !== profileId);
    const taken = new Set(await Promise.all(others.map(userOf)));
    const own = await userOf(profileId);
    if (own !== undefined && !taken.has(own)) return own;
    for (let step = 0; step < Math.min(size, MAX_CHOICES); step += 1) {
      const uid = range.first + ((firstChoice(profileId) + step) % size);
      if (!taken.has(uid)) return uid;
    }
    throw new AppError(
      "capacity_exceeded",
      `RUNNER_UIDS (${range.first}-${range.last}) has no user left for another session; widen it, or delete sessions.`,
    );
  };

  /** Whether all of it was given: an engine of before takes the browser's folder back, and writes files of its own. */
  const isGiven = async (profileId: string): Promise<boolean> => {
    const uid = await userOf(profileId);
    if (uid === undefined) return false;
    const names = ["browser", "generation.json", "journal.ndjson"];
    const found = await Promise.all(names.map((name) => lstat(join(root, profileId, name)).catch(absent)));
    return found.every((one) => one === undefined || one.uid === uid);
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
 * at. Its owner of before is told last that all was done. Throws for a file that has another name elsewhere, which may be another
 * session's, or a copy's; but for one of root's below the browser's folder, where only a browser can have put it: that stays root's.
 */
const give = async (path: string, uid: number, depth = 0): Promise<void> => {
  const found = await lstat(path);
  if (found.isDirectory()) {
    await lchown(path, 0, 0);
    await chmod(path, 0o700);
    for (const name of await readdir(path)) await give(join(path, name), uid, depth + 1);
  } else if (found.nlink > 1) {
    if (found.uid === 0 && depth > 1) return;
    throw new Error(
      `${path} has another name elsewhere (a hard link), so it is not given to its session's user. Put a copy of the profile in its place, made by cp -a.`,
    );
  }
  await lchown(path, uid, uid);
};

/** Throws an `OperatorError` where the system has no such users, as in a container that has its own. */
export const checkMapped = async ({ first, last }: UidRange, folder = "/proc/self"): Promise<void> => {
  for (const name of ["uid_map", "gid_map"]) {
    const text = (await readFile(join(folder, name), "utf8").catch(absent)) ?? "";
    const mapped = text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.trim().split(/ +/).map(Number))
      .map(([begin = 0, , count = 0]) => ({ begin, end: begin + count - 1 }));
    if (mapped.length === 0 || mapped.some(({ begin, end }) => first >= begin && last <= end)) continue;
    const known = mapped.map(({ begin, end }) => `${begin}-${end}`).join(", ");
    throw new OperatorError(
      `RUNNER_UIDS ${first}-${last} are no users of this container, which has ${known}; give some of those that nobody else has, such as 50000-59999.`,
    );
  }
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
