import { readFileSync } from "node:fs";

/** Of Linux on every machine of today (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** Processor time that processes have used so far, in seconds; those that ended count nothing (proc(5), fields 14 and 15). */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
