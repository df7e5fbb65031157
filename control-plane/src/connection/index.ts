export { drop } from "./answer.ts";
export { createRunnerClient, type RunnerClient, type RunnerMedia } from "./client.ts";
export { followRunner } from "./follow.ts";
export { canSend, createLiveSessions, type LiveRunner, type LiveSessions } from "./live.ts";
export { RunnerFlooded, type UnreadableLine } from "./stream.ts";
export { RunnerSuperseded, RunnerUnavailable } from "./unavailable.ts";
export { followWarmRunner } from "./warm-follow.ts";
