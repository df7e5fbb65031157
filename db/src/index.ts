export { createGroupCommit } from "./group-commit.ts";
export { databaseSize, openDatabase, prepareDatabase } from "./prepare.ts";
export { holdStill } from "./hold-still.ts";
export { newestTime, openDataDir, openPrepared, type Db, withoutSync, type OpenDatabase } from "./open.ts";
export { rowsAfter, rowsBefore } from "./paging.ts";
export { equals, limitOf } from "./prepared.ts";
export { createDatabaseCheck, databaseTroubleOf, type DatabaseCheck } from "./trouble.ts";
export * from "./schema/index.ts";
