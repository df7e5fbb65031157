import { encodeRunnerEnvironment, type RunnerEnvironment } from "@whatsapp-engine/contract/runner";
import type { RunnerSpec } from "./runner-host.ts";

/** What every runner is told, whoever it is for. */
export type RunnerSettings = {
  /** Extra Chromium arguments. */
  browserArgs: readonly string[];
  startTimeoutSeconds: number;
  qrTimeoutSeconds: number;
  /** Memory from which on a runner opens its page or browser anew; 0: none. */
  memorySoftMb: number;
  /** Room on the disk from which on a session is stopped; 0: none. */
  profileMaxMb: number;
  /** Level of the runners' own logs. */
  logLevel: RunnerEnvironment["RUNNER_LOG_LEVEL"];
};

/** The environment of one runner. `place`: where it is, and what it finds there. */
export const runnerEnvironment = (
  settings: RunnerSettings,
  spec: RunnerSpec,
  place: Partial<RunnerEnvironment> & Pick<RunnerEnvironment, "RUNNER_PROFILE_DIR">,
): Record<string, string> =>
  encodeRunnerEnvironment({
    RUNNER_ID: spec.runnerId,
    RUNNER_PROFILE_ID: spec.profileId,
    RUNNER_GENERATION: spec.generation,
    RUNNER_TOKEN: spec.token,
    RUNNER_EXPECTS_LOGIN: spec.expectsLogin,
    RUNNER_WHATSAPP_VERSION: spec.whatsappVersion ?? undefined,
    RUNNER_BROWSER_ARGS: [...settings.browserArgs],
    RUNNER_START_TIMEOUT_SECONDS: settings.startTimeoutSeconds,
    RUNNER_QR_TIMEOUT_SECONDS: settings.qrTimeoutSeconds,
    RUNNER_MEMORY_SOFT_MB: settings.memorySoftMb,
    RUNNER_PROFILE_MAX_MB: settings.profileMaxMb,
    RUNNER_LOG_LEVEL: settings.logLevel,
    ...place,
  });
