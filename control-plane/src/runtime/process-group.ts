import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;

/**
 * Names a process for good: `<pid> <start time>`, since a pid alone is given out again. Undefined if it is gone.
 * The start time is field 22 of `/proc/<pid>/stat`, in clock ticks since boot (proc(5)).
 */
export const identify = async (pid: number): Promise<string | undefined> => {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const startTime = line?.slice(line.lastIndexOf(")") + 2).split(" ")[19];
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

/** Resolves to true when the group is empty, to false after `timeoutMs`. Linux tells nobody of it, so this asks. */
export const groupEnded = async (leader: number, timeoutMs: number): Promise<boolean> => {
  const deadline = Date.now() + timeoutMs;
  while (signalGroup(leader, 0)) {
    if (Date.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
};
