import type { RunnerSettings } from "../runner-environment.ts";

/** What runners are told where a test is not about it. */
export const runnerSettings: RunnerSettings = {
  browserArgs: [],
  startTimeoutSeconds: 60,
  qrTimeoutSeconds: 60,
  memorySoftMb: 0,
  profileMaxMb: 0,
  logLevel: "info",
};
