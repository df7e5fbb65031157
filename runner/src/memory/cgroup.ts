import { readFileSync } from "node:fs";

const MOUNT = "/sys/fs/cgroup";

/** A text file of the kernel, null where there is none. */
export type ReadText = (path: string) => string | null;

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

/**
 * Where this process's memory may be counted, the likeliest first: its own control group as the host names it, then what
 * a container sees of its own. `/proc/self/cgroup` has a line `N:memory:/path` (version 1) or `0::/path` (version 2).
 */
export const memoryGroups = (read: ReadText = readText): { v1: readonly string[]; v2: readonly string[] } => {
  const own = read("/proc/self/cgroup") ?? "";
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(own)?.[1];
  const v2 = /^0::(.*)$/m.exec(own)?.[1];
  const under = (root: string, path: string | undefined) =>
    path === undefined || path === "/" ? [root] : [`${root}${path}`, root];
  return { v1: under(`${MOUNT}/memory`, v1), v2: under(MOUNT, v2) };
};

/** The number behind a name in a file of lines `name number`; null where it has none. */
export const numberOf = (text: string | null, name: string): number | null => {
  const found = new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1];
  return found === undefined ? null : Number(found);
};
