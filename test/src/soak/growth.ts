import type { Held } from "../support/held.ts";

/** One process over one part of the soak. */
export type Growth = {
  part: string;
  process: "control plane" | "runner";
  before: Held;
  after: Held;
  /** What the heap may have grown by, in bytes. */
  heapAllowed: number;
};

/**
 * Two may differ by chance: a connection to the Docker engine that is kept for the next call, and the one that replaces
 * it. What one cycle in ten left open would be more, even in a short run.
 */
const FILES_ALLOWED = 2;
/** Names of the last ones may still be held by what only the next one replaces. */
const NAMES_ALLOWED = 3;

/** What grew, each in a sentence. */
export const findingsOf = ({ part, process, before, after, heapAllowed }: Growth): string[] => {
  const finding = (what: string, from: number, to: number, allowed: number) =>
    to - from > allowed ? [`${part}: the ${process}'s ${what} grew from ${from} to ${to}`] : [];
  return [
    ...finding("open files", before.files, after.files, FILES_ALLOWED),
    ...finding("sockets", before.sockets, after.sockets, FILES_ALLOWED),
    ...finding("heap (bytes)", before.heapBytes, after.heapBytes, heapAllowed),
    ...(after.names.length > NAMES_ALLOWED
      ? [
          `${part}: the ${process} still holds ${after.names.length} names, such as ${after.names.slice(0, 5).join(", ")}`,
        ]
      : []),
  ];
};

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(2);

/** As a Markdown table. */
export function table(growths: readonly Growth[]): string[] {
  return [
    "| part | process | open files | sockets | heap after GC, MiB | allowed, MiB | names still held |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...growths.map(({ part, process, before, after, heapAllowed }) => {
      const heap = `${mebibytes(before.heapBytes)} → ${mebibytes(after.heapBytes)}`;
      const cells = [
        part,
        process,
        `${before.files} → ${after.files}`,
        `${before.sockets} → ${after.sockets}`,
        heap,
        `+ ${mebibytes(heapAllowed)}`,
        after.names.length,
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}
