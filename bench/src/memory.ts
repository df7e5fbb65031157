import { readFileSync } from "node:fs";
import { docker } from "@whatsapp-engine/test/support/docker.js";

const MIB = 1024 * 1024;

/** Proportional set size of processes, in MiB: shared pages count to each by its share. */
export const pssMiB = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const [, kib = "0"] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
    return sum + Number(kib) / 1024;
  }, 0);

export async function pidsOfContainer(id: string): Promise<number[]> {
  const [, ...rows] = await docker("top", id, "-o", "pid");
  return rows.map(Number);
}

/** What the kernel charges the container, page cache that it could drop at once left out, in MiB. */
export function cgroupMiB(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const v1 = lines.find((line) => line.includes(":memory:"))?.split(":")[2];
  const [base, usage, inactive] =
    v1 === undefined
      ? [`/sys/fs/cgroup${lines[0]?.split(":")[2]}`, "memory.current", "inactive_file"]
      : [`/sys/fs/cgroup/memory${v1}`, "memory.usage_in_bytes", "total_inactive_file"];
  const stat = readFileSync(`${base}/memory.stat`, "utf8");
  const [, droppable = "0"] = new RegExp(`^${inactive} (\\d+)$`, "m").exec(stat) ?? [];
  return (Number(readFileSync(`${base}/${usage}`, "utf8")) - Number(droppable)) / MIB;
}
