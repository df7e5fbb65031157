import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const fileOf = (dataDir: string): string => join(dataDir, "restored");

/** Has the engine's next start on this data folder give up what waited when its backup was made. */
export const noteRestored = (dataDir: string): void =>
  writeFileSync(fileOf(dataDir), "What waited when this backup was made may have gone out since.\n", {
    mode: 0o600,
    flush: true,
  });

/** Runs `giveUp` where it was noted, and takes the note away afterwards: a crash between the two has it run again. Returns what it gave up. */
export function afterRestore(dataDir: string, giveUp: () => number): number {
  if (!existsSync(fileOf(dataDir))) return 0;
  const count = giveUp();
  rmSync(fileOf(dataDir));
  return count;
}
