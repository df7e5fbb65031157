import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How exactly a death is dated. */
const BEAT_MS = 5_000;

/** The engine that had the data folder before. */
export type Before = {
  /** When it was last seen alive, within 5 s; milliseconds since 1970. */
  at: number;
  /** It did not end in order. */
  died: boolean;
};

/** Notes in the data folder that this engine is alive, by the time of a file; answers what it says of the one before. */
export function openAlive(dataDir: string): { before: Before | null; close(): void } {
  const file = join(dataDir, "alive");
  const before = read(file);
  writeFileSync(file, "running\n");
  const timer = setInterval(() => utimesSync(file, new Date(), new Date()), BEAT_MS).unref();
  return {
    before,
    close: () => {
      clearInterval(timer);
      writeFileSync(file, "ended\n");
    },
  };
}

function read(file: string): Before | null {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat ? { at: stat.mtimeMs, died: readFileSync(file, "utf8").trim() !== "ended" } : null;
}
