import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Ids of all processes that this one may see. Throws where the system has no `/proc`. */
export const allPids = (): number[] =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** The arguments of a process, its program first; undefined: it is gone, or cannot be looked at. */
export const argumentsOf = (pid: number): string[] | undefined =>
  unlessHidden(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1));

/** What `/proc/<pid>/stat` says of a process after its name, from its state (field 3) on (proc(5)). */
const statOf = (pid: number): string[] | undefined =>
  unlessHidden(() => {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  });

export const parentOf = (pid: number): number | undefined => {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
};

/** The process group of one that runs; undefined: it is gone, or only waits for init to take note of its end. */
export const groupOf = (pid: number): number | undefined => {
  const stat = statOf(pid);
  return stat === undefined || stat[0] === "Z" || stat[0] === "X" ? undefined : Number(stat[2]);
};

/**
 * Names a process for good: `<pid> <start time>`, since a pid alone is given out again. Undefined if it is gone.
 * The start time is in clock ticks since boot.
 */
export const identify = (pid: number): string | undefined => {
  const startTime = statOf(pid)?.[19];
  return startTime === undefined ? undefined : `${pid} ${startTime}`;
};

/** The (real) user of a process; undefined: it is gone, or cannot be looked at. */
export const userOf = (pid: number): number | undefined => {
  const uid = /^Uid:\s+(\d+)/m.exec(
    unlessHidden(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "",
  )?.[1];
  return uid === undefined ? undefined : Number(uid);
};

/** The folder a process stands in; undefined: it cannot be looked at. */
export const workingFolderOf = (pid: number): string | undefined =>
  unlessHidden(() => readlinkSync(`/proc/${pid}/cwd`));

/** Paths of the files that a process holds open, with the number of each; none of one that cannot be looked at. */
export const openFilesOf = (pid: number): { fd: string; path: string }[] => {
  const fds = unlessHidden(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return fds.flatMap((fd) => {
    const path = unlessHidden(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return path?.startsWith("/") ? [{ fd, path }] : [];
  });
};

/** Whether a process may write by this descriptor (`O_ACCMODE` of its flags, proc(5)). */
export const mayWrite = (pid: number, fd: string): boolean => {
  const info = unlessHidden(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
  const flags = /^flags:\s*([0-7]+)$/m.exec(info ?? "")?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) !== 0;
};

/** A process may end while it is looked at, and another user's may not be looked at all. */
const unlessHidden = <T>(look: () => T): T | undefined => {
  try {
    return look();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) return undefined;
    throw error;
  }
};
