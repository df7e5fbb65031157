import { memoryGroups, numberOf, readText, type ReadText } from "./cgroup.ts";

/**
 * How many processes the kernel has killed for memory, in this process's control group, or on the whole machine where
 * the group does not count them; null: not known.
 */
export const countOomKills = (read: ReadText = readText): number | null => {
  const { v1, v2 } = memoryGroups(read);
  const files = [
    ...v2.map((group) => `${group}/memory.events`),
    ...v1.map((group) => `${group}/memory.oom_control`),
    "/proc/vmstat",
  ];
  for (const file of files) {
    const kills = numberOf(read(file), "oom_kill");
    if (kills !== null) return kills;
  }
  return null;
};

/** Tells whether the kernel killed something for memory a moment ago. */
export type OomKills = {
  /** To be called when the session is up, and from time to time: what was counted until then explains nothing later. */
  note(): void;
  /** Whether there was a kill since the last note. */
  happened(): boolean;
};

export const createOomKills = (count: () => number | null = countOomKills): OomKills => {
  let known = count();
  return {
    note: () => (known = count()),
    happened: () => {
      const now = count();
      return now !== null && known !== null && now > known;
    },
  };
};
