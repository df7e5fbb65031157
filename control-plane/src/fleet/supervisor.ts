import { AppError } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { RunnerHost, RunnerInfo, RuntimeEvent } from "../runtime/index.ts";
import type { Background } from "../lib/background.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { Recovery } from "./recovery.ts";
import { STOP_GRACE_SECONDS, type Reconciler } from "./reconciler.ts";
import type { SessionStore } from "../sessions/index.ts";
import type { WarmRunners } from "./warm/warm-runners.ts";

/** Level-triggered: every session is looked at again after this time, whatever was or was not heard. */
const RESYNC_MS = 30_000;
/** A runner that ends this soon after a kill for memory ended by it; one that lived on was not the victim. */
const OUT_OF_MEMORY_MS = 10_000;

/** Watches the runtime, and has sessions reconciled: at start, on every event, and from time to time. */
export function createSupervisor(deps: {
  store: SessionStore;
  host: RunnerHost;
  live: LiveSessions;
  reconciler: Reconciler;
  recovery: Recovery;
  warmRunners: Pick<WarmRunners, "request" | "profileIds" | "close">;
  background: Background;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  /** Ends what an earlier start began and did not come to the end of. */
  clearUp: () => Promise<void>;
  /** Finds out what became of messages without an outcome. */
  settle: (sessionId: string) => Promise<void>;
  /** A runner of no session is gone. */
  onRunnerRemoved: () => void;
  clock: Clock;
  log: Log;
}) {
  const { clock, store, host, live, reconciler, recovery, warmRunners, background, listRunners, log } = deps;
  /** When a process of a runner was last killed for memory. */
  const outOfMemory = new Map<string, number>();
  let resync: NodeJS.Timeout | undefined;
  let prepared: Promise<void> | undefined;

  /** Once: it would take what is under way since then for what an earlier start left. */
  function prepare(): Promise<void> {
    prepared ??= host
      .prepare()
      .then(deps.clearUp)
      .catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
    return prepared;
  }

  async function relist(): Promise<void> {
    try {
      await prepare();
      const all = await listRunners();
      const { isUnwanted } = await recovery.run();
      if (background.stopping.aborted) return;
      reconciler.open();
      for (const sessionId of store.ids()) reconciler.request(sessionId);
      for (const sessionId of live.ids()) background.run(() => deps.settle(sessionId));
      warmRunners.request();
      removeLeftovers(all.filter(({ profileId }) => isUnwanted(profileId)));
    } catch (err) {
      log.warn({ err }, "the runtime could not be listed");
      unavailable();
    }
  }

  function unavailable(): void {
    for (const sessionId of store.ids()) reconciler.unreachable(sessionId);
  }

  /** Runners of this installation that neither a session nor the pool knows. Their profiles stay: a login is never deleted on a guess. */
  function removeLeftovers(leftovers: readonly RunnerInfo[]): void {
    for (const { runnerId, profileId } of leftovers) {
      log.warn({ runnerId, profileId }, "a runner of no session is removed; its profile is kept");
      background.run(async () => {
        await host.remove(runnerId, { graceSeconds: STOP_GRACE_SECONDS });
        deps.onRunnerRemoved();
      });
    }
  }

  async function onEvent(event: RuntimeEvent): Promise<void> {
    switch (event.type) {
      case "relist":
        return relist();
      case "exited": {
        const row = store.findByRunner(event.runnerId);
        const killedAt = outOfMemory.get(event.runnerId) ?? Number.NEGATIVE_INFINITY;
        outOfMemory.delete(event.runnerId);
        const reason = clock.now() - killedAt < OUT_OF_MEMORY_MS ? "out_of_memory" : "runner_lost";
        if (row) reconciler.replace(row.id, event.runnerId, reason);
        return;
      }
      case "out_of_memory":
        // Most often a renderer, in whose place the runner opens another page.
        outOfMemory.set(event.runnerId, clock.now());
        return log.warn({ runnerId: event.runnerId }, "a process of the runner was killed for memory");
      case "unavailable":
        log.warn("the runtime does not answer; nothing is changed until it does");
        return unavailable();
      case "started":
    }
  }

  return {
    /**
     * Prepares the runtime, lists what runs, adopts it, and goes on watching. Throws an `OperatorError`; a runtime that
     * does not answer is waited for in the background.
     */
    async open(): Promise<void> {
      try {
        await prepare();
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        log.warn({ err: error }, "the runtime does not answer yet");
      }
      const first = new Promise<void>((resolve) => {
        host.watch((event) => {
          background.run(() => onEvent(event));
          resolve();
        }, background.stopping);
      });
      resync = setInterval(() => background.run(relist), RESYNC_MS);
      await first;
      await background.idle();
    },

    /** Ends the loops and waits for what is under way. Runners are left as they are. */
    async close(): Promise<void> {
      clearInterval(resync);
      background.stop();
      reconciler.close();
      await background.idle();
      await Promise.all(live.ids().map((sessionId) => live.detach(sessionId)));
      await warmRunners.close();
    },
  };
}
