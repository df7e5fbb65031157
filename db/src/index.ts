export { SqliteError } from "better-sqlite3";
export { createGroupCommit } from "./group-commit.ts";
export {
  databaseSize,
  openDataDir,
  openDatabase,
  openPrepared,
  prepareDatabase,
  type Db,
  withoutSync,
  type OpenDatabase,
} from "./open.ts";
export * from "./schema/index.ts";
