import type { RunnerEvent } from "@whatsapp-engine/contract";
import type { Tx } from "@whatsapp-engine/db";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import { createRunnerClient } from "../runner-client.ts";
import type { RunnerInfo, Runtime } from "../runtime/runtime.ts";
import { followRunner } from "./follow.ts";
import type { LiveRunner, LiveSessions } from "./live.ts";
import type { createObserver, Fate } from "./observer.ts";
import type { SessionStore } from "./store.ts";

/** A runner that runs but says nothing for this long is replaced. Its start takes well under a second. */
const SILENT_RUNNER_MS = 30_000;

export type Connector = ReturnType<typeof createConnector>;

/** Connects to a session's present runner and keeps reading what it tells. */
export function createConnector(deps: {
  store: SessionStore;
  runtime: Runtime;
  live: LiveSessions;
  observe: ReturnType<typeof createObserver>;
  runnerToken: (runnerId: string) => string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  /** Stores a journal event; runs inside the transaction that advances the cursor. */
  onEvent: (tx: Tx, sessionId: string, event: RunnerEvent) => void;
  onConnected: (sessionId: string) => void;
  onFate: (sessionId: string, runnerId: string, fate: Fate) => void;
  onLost: (sessionId: string, runnerId: string) => void;
  clock: Clock;
  log: Log;
}) {
  const { store, runtime, live, observe, clock, log } = deps;

  return {
    /** Does nothing if this runner is followed already. `claim` is written into a profile that is new to the session. */
    async attach(
      sessionId: string,
      profileId: string,
      runnerId: string,
      claim?: { sessionId: string; claimedAt: string },
    ): Promise<void> {
      if (live.get(sessionId)?.runnerId === runnerId) return;
      await live.detach(sessionId);
      const client = createRunnerClient(await runtime.endpoint(runnerId), deps.runnerToken(runnerId));
      const stopping = new AbortController();
      let claimed = claim === undefined;

      const following = followRunner({
        client,
        clock,
        signal: stopping.signal,
        cursor: () => store.profileOf(sessionId)?.cursor ?? 0,
        onLine: (line) => {
          if (!claimed && claim) {
            claimed = true;
            client
              .claim(claim.sessionId, claim.claimedAt)
              .catch((err: unknown) => log.warn({ sessionId, err }, "claim not written into the profile"));
          }
          if (line.line === "event") {
            store.storeOnce(profileId, line.seq, (tx) => deps.onEvent(tx, sessionId, line.event));
            return live.notify(sessionId);
          }
          const before = runner.state;
          runner.state = line.state;
          const fate = observe(sessionId, line.state);
          live.notify(sessionId);
          if (line.state.status === "connected" && before?.status !== "connected")
            deps.onConnected(sessionId);
          if (line.state.qr && line.state.qr.code !== before?.qr?.code) {
            log.info({ sessionId, runnerId, number: line.state.qr.number }, "QR issued");
          }
          if (fate !== "keep") deps.onFate(sessionId, runnerId, fate);
        },
        onBroken: (silentMs, error) => onBroken(sessionId, runnerId, silentMs, error),
      });

      const runner: LiveRunner = {
        runnerId,
        profileId,
        client,
        state: null,
        async stop() {
          stopping.abort();
          await client.close();
          await following;
        },
      };
      live.set(sessionId, runner);
    },
  };

  /** Alive, gone or unknown: only a runner that is proven gone, or alive and silent for long, is given up. */
  async function onBroken(
    sessionId: string,
    runnerId: string,
    silentMs: number,
    error: unknown,
  ): Promise<void> {
    try {
      const runner = (await deps.listRunners()).find((info) => info.runnerId === runnerId);
      if (runner?.liveness === "alive" && silentMs < SILENT_RUNNER_MS) return;
      log.warn({ sessionId, runnerId, err: error, silentMs }, "runner lost");
      deps.onLost(sessionId, runnerId);
    } catch {
      const row = store.find(sessionId);
      if (row?.runnerId !== runnerId || row.desired !== "running" || row.reason === "runtime_unavailable")
        return;
      store.transition(row, { status: "disconnected", reason: "runtime_unavailable" });
      live.notify(sessionId);
    }
  }
}
