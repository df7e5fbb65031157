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
  /** To be called from time to time. */
  note(): void;
  /** Whether there was a kill since the note before the last: one of just now may be noted before its victim is missed. */
  happened(): boolean;
  /** What was counted until now explains nothing that comes. */
  forget(): void;
};

export const createOomKills = (count: () => number | null = countOomKills): OomKills => {
  let last = count();
  let before = last;
  return {
    note: () => {
      before = last;
      last = count();
    },
    happened: () => {
      const now = count();
      return now !== null && before !== null && now > before;
    },
    forget: () => {
      last = count();
      before = last;
    },
  };
};
