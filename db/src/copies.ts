import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { BUSY_TIMEOUT_MS, fileOf } from "./open.ts";

const FOLDER = "before-upgrade";
/** Copies that are kept; the oldest go first. */
const KEPT = 3;
/** Room that is left after a copy, for the upgrade itself. */
const MARGIN_BYTES = 64 * 1024 * 1024;
const COPY = /^engine-\d{4}-\d{8}T\d{6}Z\.sqlite$/;

/**
 * Copies the database of an older engine to `DATA_DIR/before-upgrade`, readable by its owner alone, so that one may go back to that engine.
 * `applied`: migrations that it has had, which the name holds beside the time. Returns the copy's path. Throws `OperatorError` where there
 * is no room.
 */
export function copyBeforeUpgrade(dataDir: string, applied: number, now = new Date()): string {
  const file = fileOf(dataDir);
  const folder = join(dataDir, FOLDER);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const copy = join(folder, `engine-${String(applied).padStart(4, "0")}-${time}.sqlite`);
  const draft = `${copy}.part`;
  for (const name of readdirSync(folder)) if (name.endsWith(".part")) rmSync(join(folder, name));
  refuseWithoutRoom(dataDir, statSync(file).size);
  // SQLite fills an empty file; it would make one that others may read.
  closeSync(openSync(draft, "wx", 0o600));
  const sqlite = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    sqlite.prepare("vacuum into ?").run(draft);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    sqlite.close();
  }
  const written = openSync(draft, "r");
  fsyncSync(written);
  closeSync(written);
  renameSync(draft, copy);
  for (const old of copiesIn(folder).slice(0, -KEPT)) rmSync(join(folder, old));
  return copy;
}

/** By their time, the oldest first. */
const copiesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => COPY.test(name))
    .toSorted((a, b) => timeIn(a).localeCompare(timeIn(b)));
const timeIn = (name: string): string => name.split("-")[2] ?? "";

function refuseWithoutRoom(dataDir: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const [free, needed] = [bavail * bsize, bytes + MARGIN_BYTES];
  if (free >= needed) return;
  const mb = (value: number) => Math.ceil(value / 1024 / 1024);
  throw new OperatorError(
    `The database is copied before it is upgraded, and there is no room: ${mb(free)} MB are free in ${dataDir}, ${mb(needed)} MB are needed. Nothing was changed.`,
  );
}

/** The database is what its copy is again. Nobody has it open. */
export function putBack(copy: string, file: string): void {
  for (const beside of ["-wal", "-shm"]) rmSync(file + beside, { force: true });
  copyFileSync(copy, file);
}
