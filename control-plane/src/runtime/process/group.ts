import { setTimeout as delay } from "node:timers/promises";
import { allPids, groupOf } from "@whatsapp-engine/processes";

const POLL_MS = 20;

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
  while (signalGroup(leader, 0) && allPids().some((pid) => groupOf(pid) === leader)) {
    if (Date.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
};
