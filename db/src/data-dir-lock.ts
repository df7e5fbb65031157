import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { OperatorError } from "@whatsapp-engine/contract/api";

/** The data folder, held until it is released. */
export type DataDir = { release(): void };

/**
 * Holds the data folder for this process. The hold is a lock of the kernel on `engine.lock`, taken through
 * SQLite: it ends with the process however that dies, so there is never a stale one to clear by hand.
 */
export function holdDataDir(dataDir: string): DataDir {
  const file = join(dataDir, "engine.lock");
  let lock: Sqlite.Database | undefined;
  try {
    lock = new Sqlite(file, { timeout: 0 });
    lock.pragma("journal_mode = DELETE");
    lock.exec("begin exclusive");
  } catch (cause) {
    lock?.close();
    const { code, message } = cause as { code?: string; message: string };
    if (code?.startsWith("SQLITE_BUSY") === true) {
      throw new OperatorError(
        `Another engine is running on the data folder ${dataDir}; stop it, or give another DATA_DIR.`,
        { cause },
      );
    }
    throw new OperatorError(`The data folder ${dataDir} is not writable: ${message}.`, { cause });
  }
  const held = lock;
  return { release: () => void held.close() };
}
