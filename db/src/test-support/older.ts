import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const OURS = fileURLToPath(new URL("../../migrations", import.meta.url));

export type Journal = { entries: { idx: number; when: number; tag: string }[] };

export const journalOf = (migrations: string): string => join(migrations, "meta/_journal.json");
export const readJournal = (migrations = OURS): Journal =>
  JSON.parse(readFileSync(journalOf(migrations), "utf8")) as Journal;

/** A folder in `dir` with those of our migrations that come before `tag`, as an older engine has them; or the first so many. */
export function olderMigrations(dir: string, before: string | number): string {
  const folder = mkdtempSync(join(dir, "migrations-"));
  cpSync(OURS, folder, { recursive: true });
  const { entries } = readJournal();
  const count = typeof before === "number" ? before : entries.findIndex(({ tag }) => tag === before);
  if (count < 0) throw new Error(`There is no migration '${before}'.`);
  writeFileSync(journalOf(folder), JSON.stringify({ ...readJournal(), entries: entries.slice(0, count) }));
  return folder;
}
