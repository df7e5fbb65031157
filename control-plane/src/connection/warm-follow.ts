import type { RunnerState } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import { createRunnerClient, type RunnerClient } from "./client.ts";
import { RunnerFlooded } from "./stream.ts";
import type { RunnerInfo } from "../runtime/index.ts";
import { followRunner } from "./follow.ts";

/** A runner that runs but says nothing for this long is given up. */
const SILENT_MS = 30_000;

/** Reads what a warm runner tells until the function that this answers is called. */
export function followWarmRunner(deps: {
  runnerId: string;
  endpoint: { host: string; port: number };
  token: string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  onState: (state: RunnerState, client: RunnerClient) => void;
  /** Nothing is heard of it at the moment. */
  onSilence: () => void;
  /** It is proven to be gone, or was silent for long. */
  onLost: (why: string) => void;
  clock: Clock;
}): () => Promise<void> {
  const stopping = new AbortController();
  const client = createRunnerClient(deps.endpoint, deps.token);
  const following = followRunner({
    client,
    clock: deps.clock,
    signal: stopping.signal,
    // Its journal is empty until somebody has it; the session that does reads it from the beginning.
    cursor: () => 0,
    onLine: (line) => void (line.line === "state" && deps.onState(line.state, client)),
    // Of no session, so nothing of it is stored.
    onNotTaken: (error) => deps.onLost(`what it tells cannot be taken (${String(error)})`),
    async onBroken(silentMs, error) {
      if (error instanceof RunnerFlooded) return deps.onLost(error.message);
      deps.onSilence();
      const runners = await deps.listRunners().catch(() => null);
      if (runners === null || stopping.signal.aborted) return;
      const alive = runners.some(
        ({ runnerId, liveness }) => runnerId === deps.runnerId && liveness === "alive",
      );
      if (!alive) deps.onLost("its runner ended");
      else if (silentMs >= SILENT_MS) deps.onLost("it does not answer");
    },
  });
  return async () => {
    stopping.abort();
    await client.close();
    await following;
  };
}
