import { statSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { BUSY_TIMEOUT_MS, fileOf, toOperatorError } from "./open.ts";

/**
 * Takes the write-ahead log over, so that all of the database is in its one file, which nobody writes to until it is released. While no
 * engine runs; throws `OperatorError` where an administrator's own tool holds it.
 */
export function holdStill(dataDir: string): { release(): void } {
  const file = fileOf(dataDir);
  const sqlite = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
  try {
    const [outcome] = sqlite.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
    if (outcome?.busy !== 0)
      throw new OperatorError(`Another program reads the database ${file}; end it and run this again.`);
    sqlite.exec("begin immediate");
    // Written between the two it would not be in the file.
    if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0)
      throw new OperatorError(`Another program writes to the database ${file}; end it and run this again.`);
  } catch (error) {
    sqlite.close();
    throw toOperatorError(error, file);
  }
  return { release: () => void sqlite.close() };
}
