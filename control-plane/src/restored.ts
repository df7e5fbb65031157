import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "@whatsapp-engine/contract/api";

/** A restore's folder in the data folder, until all of it is there. */
export const DRAFT = "restoring";

/** Throws an `OperatorError` where a restore was broken off: an engine would take its logins for strangers'. */
export function refuseHalfRestored(dataDir: string): void {
  if (!existsSync(join(dataDir, DRAFT)) || existsSync(join(dataDir, "install.json"))) return;
  throw new OperatorError(
    `A restore into ${dataDir} was broken off (${DRAFT} is there, and no install.json): move the folder away, and run restore-all again.`,
  );
}

/** Noted in the data folder that what waited may have gone out since the backup. */
export const RESTORED = "restored";
const fileOf = (dataDir: string): string => join(dataDir, RESTORED);

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
