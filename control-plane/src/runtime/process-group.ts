import { readFile, readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;

/** What `/proc/<pid>/stat` says of a process after its name, from its state (field 3) on (proc(5)). */
const readStat = async (pid: number | string): Promise<string[] | undefined> => {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return line?.slice(line.lastIndexOf(")") + 2).split(" ");
};

/**
 * Names a process for good: `<pid> <start time>`, since a pid alone is given out again. Undefined if it is gone.
 * The start time is in clock ticks since boot.
 */
export const identify = async (pid: number): Promise<string | undefined> => {
  const startTime = (await readStat(pid))?.[19];
  return startTime === undefined ? undefined : `${pid} ${startTime}`;
};

/** Sends a signal to every process of the group; false if there is none. */
export const signalGroup = (leader: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
};

/**
 * Resolves to true when nothing of the group runs any more, to false after `timeoutMs`. Linux tells nobody of it, so
 * this asks. What has ended and only waits for init to take note does not count.
 */
export const groupEnded = async (leader: number, timeoutMs: number): Promise<boolean> => {
  const deadline = Date.now() + timeoutMs;
  while (signalGroup(leader, 0) && (await hasLiving(leader))) {
    if (Date.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
};

const hasLiving = async (leader: number): Promise<boolean> => {
  const names = await readdir("/proc").catch(() => undefined);
  // No /proc, no better knowledge than that there is something to signal.
  if (!names) return true;
  const pids = names.filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map(readStat));
  return stats.some((stat) => stat?.[2] === String(leader) && stat[0] !== "Z" && stat[0] !== "X");
};
