export { createBackup } from "./backup.ts";
export { createLogout } from "./logout.ts";
export { createRestore } from "./restore.ts";
export { spool, type Spooled } from "./spool.ts";
export { createUnusedProfiles } from "./unused-profiles.ts";
export { packWhole, readWhole } from "./whole.ts";
