export { openDatabase, type Db, type OpenDatabase } from "./open.ts";
export * from "./schema/index.ts";
