import { readdirSync } from "node:fs";
import { memoryGroups, numberOf, readText, type ReadText } from "./cgroup.ts";

const MIB = 1024 * 1024;

/** Memory in MB; null: not known. */
export type Measure = () => number | null;

/** What the container uses, without the page cache, which the kernel takes back by itself. */
export const containerMemoryMb = (read: ReadText = readText): number | null => {
  const { v1, v2 } = memoryGroups(read);
  const places = [
    ...v2.map((group) => ({ group, used: "memory.current", file: "" })),
    ...v1.map((group) => ({ group, used: "memory.usage_in_bytes", file: "total_" })),
  ];
  for (const { group, used, file } of places) {
    const bytes = Number.parseInt(read(`${group}/${used}`) ?? "", 10);
    const stat = read(`${group}/memory.stat`);
    const cache = ["inactive_file", "active_file"].map((name) => numberOf(stat, file + name) ?? 0);
    if (Number.isFinite(bytes)) return Math.max(0, bytes - cache[0]! - cache[1]!) / MIB;
  }
  return null;
};

/** Who started whom, of all processes there are. */
const parents = (read: ReadText, pids: readonly number[]): Map<number, number> =>
  new Map(
    pids.flatMap((pid) => {
      // The name stands in parentheses and may hold anything; behind it come state and parent.
      const parent = / (\d+)/.exec(read(`/proc/${pid}/stat`)?.split(")").at(-1) ?? "")?.[1];
      return parent === undefined ? [] : [[pid, Number(parent)] as const];
    }),
  );

const allPids = (): number[] =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/**
 * What a process and all that it started use: each its share of what several use (PSS), or all it holds (RSS) where the
 * kernel shows that to its owner only.
 */
export const processTreeMemoryMb = (
  root: number,
  read: ReadText = readText,
  pids: readonly number[] = allPids(),
): number | null => {
  const parentOf = parents(read, pids);
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isOurs(parentOf.get(pid)));
  const kib = pids
    .filter((pid) => isOurs(pid))
    .map(
      (pid) =>
        kibOf(read(`/proc/${pid}/smaps_rollup`), "Pss") ?? kibOf(read(`/proc/${pid}/status`), "VmRSS") ?? 0,
    );
  return kib.length === 0 ? null : kib.reduce((sum, one) => sum + one, 0) / 1024;
};

const kibOf = (text: string | null, name: string): number | null => {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text ?? "")?.[1];
  return found === undefined ? null : Number(found);
};
