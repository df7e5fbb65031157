export type { ProfileContents } from "./profile-contents.ts";
export type { ProfileStore } from "./profile-store.ts";
export { RUNNER_UID, type RunnerHost, type RunnerInfo, type RuntimeEvent } from "./runner-host.ts";
export type { Runtime } from "./runtime.ts";
export { createProcessRuntime } from "./process/process.ts";

/** Read when it is needed: the engine's client is large, and of no use to child processes. */
export const loadDockerRuntime = () => import("./docker/docker.ts");
