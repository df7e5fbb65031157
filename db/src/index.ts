export { SqliteError } from "better-sqlite3";
export { openDatabase, type Db, type OpenDatabase, type Tx } from "./open.ts";
export * from "./schema/index.ts";
