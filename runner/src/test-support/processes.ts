import { readdirSync, readFileSync } from "node:fs";

/** A file of `/proc` about a process; empty if it ended meanwhile. */
export const readProcess = (pid: number, file: "status" | "cmdline" | "environ" | "stat"): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
};

const parentOf = (pid: number): number => Number(/\) \S (\d+)/.exec(readProcess(pid, "stat"))?.[1]);

/** All processes below this one: of a runner, its Chromium. */
export const descendantsOf = (pid: number): number[] => {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const found = [pid];
  for (const parent of found) found.push(...all.filter((one) => parentOf(one) === parent));
  return found.slice(1);
};

/** Which of these still run. */
export const stillRunning = (pids: readonly number[]): number[] =>
  pids.filter((pid) => /^State:\s+[^Z]/m.test(readProcess(pid, "status")));
