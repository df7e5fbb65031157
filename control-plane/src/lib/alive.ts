import { readFileSync, statSync, writeFileSync } from "node:fs";
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

/**
 * Notes in the data folder that this engine is alive, by the time of a file, from `begin` on; `before` is what the file says of the
 * engine before. A start that fails leaves it as it was.
 */
export function openAlive(dataDir: string): { before: Before | null; begin(): void; close(): void } {
  const file = join(dataDir, "alive");
  let timer: NodeJS.Timeout | undefined;
  const write = (what: "running" | "ended") => {
    try {
      writeFileSync(file, `${what}\n`);
    } catch {
      // A disk that takes nothing stops more than this, and says so elsewhere.
    }
  };
  return {
    before: read(file),
    begin: () => {
      write("running");
      timer = setInterval(write, BEAT_MS, "running").unref();
    },
    close: () => {
      if (timer === undefined) return;
      clearInterval(timer);
      write("ended");
    },
  };
}

function read(file: string): Before | null {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat ? { at: stat.mtimeMs, died: readFileSync(file, "utf8").trim() !== "ended" } : null;
}
