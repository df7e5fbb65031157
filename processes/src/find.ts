import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { hostname, uptime } from "node:os";
import { isAbsolute, join, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { allPids, argumentsOf, mayWrite, openFilesOf, parentOf, userOf, workingFolderOf } from "./proc.ts";

/** Where a session's browser keeps its login. */
export type Place = {
  /** All of the profile; what holds a file in it open for writing is on the profile. */
  folder: string;
  /** Chromium's user data within it. */
  userDataDir: string;
  /** A user whom nothing but the profile has: all that runs as it is on the profile. */
  uid?: number;
};

export type Found = {
  /** What is on the profile by itself. */
  pids: number[];
  /** What those started, and what that started: a browser's helpers name no profile. */
  helpers: number[];
  /** Why it cannot be known that there is nothing else; null: it is known. */
  unknown: string | null;
};

/** Chromium takes one dash or two, and a value only behind `=`. `database` is its crash handler's. */
const FOLDER_SWITCH = /^--?(?:user-data-dir|database)=(.+)$/s;
/** Helpers of a browser, which are found by it; some have their whole command line as one argument. */
const HELPER = /(?:^|\s)--type=/;
/** Longest that a look holds up everything else of this process. */
const SLICE_MS = 5;

/**
 * Which processes are on each of these profiles, whoever started them: those whose command line names the profile's user
 * data, and those that hold a file of it open for writing, as a browser does whose command line says nothing, and those of its own user. Who only
 * reads (a backup, a shell that stands there) is none. Never this process or those that started it.
 */
export const findOnProfiles = async (places: readonly Place[]): Promise<Found[]> => {
  const found = places.map((): Found => ({ pids: [], helpers: [], unknown: null }));
  let pids: number[];
  try {
    pids = allPids();
  } catch {
    const unknown = "this system has no /proc to look into";
    return found.map((one) => ({ ...one, unknown }));
  }
  const folders = places.map(({ folder }) => realPath(folder));
  const uids = new Map(places.flatMap(({ uid }, index) => (uid === undefined ? [] : [[uid, index]])));
  const placeOf = (path: string) => folders.findIndex((folder) => isIn(path, folder));
  const ours = ancestors();
  let sliceBegan = performance.now();
  for (const pid of pids) {
    if (ours.has(pid)) continue;
    if (performance.now() - sliceBegan > SLICE_MS) {
      await setImmediate();
      sliceBegan = performance.now();
    }
    const uid = uids.size === 0 ? undefined : userOf(pid);
    const index = uid === undefined ? undefined : uids.get(uid);
    found[index ?? look(pid, placeOf)]?.pids.push(pid);
  }
  addHelpers(found, pids);
  for (const [index, one] of found.entries()) one.unknown = whyUnknown(places[index]!, one.pids);
  return found;
};

/** On which of the places a process is; -1: on none. */
const look = (pid: number, placeOf: (path: string) => number): number => {
  const given = argumentsOf(pid) ?? [];
  const named = given.flatMap((argument) => FOLDER_SWITCH.exec(argument)?.[1] ?? []);
  const on = named.map((path) => placeOf(seenBy(pid, path))).find((index) => index >= 0);
  if (on !== undefined) return on;
  // Other sessions' browsers and their helpers, most of what runs where there are many, are not looked through.
  if (named.length > 0 || given.some((argument) => HELPER.test(argument))) return -1;
  for (const { fd, path } of openFilesOf(pid)) {
    const index = placeOf(path);
    if (index >= 0 && mayWrite(pid, fd)) return index;
  }
  return -1;
};

/** What a path on a process's command line leads to. */
const seenBy = (pid: number, path: string): string =>
  realPath(isAbsolute(path) ? path : join(workingFolderOf(pid) ?? "/", path));

const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

const realPath = (path: string): string => {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path); // there is none yet, or it may not be entered
  }
};

const ancestors = (): Set<number> => {
  const found = new Set<number>();
  for (let pid: number | undefined = process.pid; pid !== undefined && !found.has(pid); pid = parentOf(pid))
    found.add(pid);
  return found;
};

const addHelpers = (found: Found[], pids: readonly number[]): void => {
  if (found.every((one) => one.pids.length === 0)) return;
  const children = new Map<number, number[]>();
  for (const pid of pids) {
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  for (const one of found) {
    const all = new Set(one.pids);
    for (const pid of all) for (const child of children.get(pid) ?? []) all.add(child);
    one.helpers = [...all].slice(one.pids.length);
  }
};

/**
 * A browser that another user started may be hidden from us (`hidepid`): its lock names it still, as `<host>-<pid>`. One of
 * another host is a copied profile's, one of before the machine's start is nobody's, and one whose process can be looked at is that of
 * a browser before.
 */
const whyUnknown = ({ userDataDir }: Place, pids: readonly number[]): string | null => {
  const lock = join(userDataDir, "SingletonLock");
  const pid = Number(holderOf(lock)?.split(`${hostname()}-`)[1]);
  if (!(pid > 0) || pids.includes(pid) || !exists(pid) || argumentsOf(pid) !== undefined) return null;
  return `process ${pid}, which ${lock} names, cannot be looked at; end it, or remove that file if it is no browser`;
};

const holderOf = (lock: string): string | undefined => {
  try {
    const startedAt = Date.now() - uptime() * 1000;
    return lstatSync(lock).mtimeMs < startedAt ? undefined : readlinkSync(lock);
  } catch {
    return undefined; // no lock, or one that is none of Chromium's
  }
};

const exists = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
