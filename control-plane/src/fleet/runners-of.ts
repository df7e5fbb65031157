import type { RunnerHost, RunnerInfo } from "../runtime/index.ts";
import type { LiveSessions } from "../connection/index.ts";
import { STOP_GRACE_SECONDS } from "./reconciler.ts";

export type RunnersOf = ReturnType<typeof createRunnersOf>;

/** The runners on a profile; whoever ends them holds the session's lock, and has seen to it that none is wanted. */
export const createRunnersOf = (deps: {
  host: RunnerHost;
  live: LiveSessions;
  listRunners: () => Promise<readonly RunnerInfo[]>;
}) => ({
  /** Resolves when nothing of them is left. Throws `runtime_unavailable`. */
  async end(sessionId: string, profileId: string): Promise<void> {
    for (const runner of await deps.listRunners()) {
      if (runner.profileId !== profileId) continue;
      await deps.live.detach(sessionId, runner.runnerId);
      await deps.host.remove(runner.runnerId, { graceSeconds: STOP_GRACE_SECONDS });
    }
  },
});
