import type { CountryCode } from "libphonenumber-js/max";
import type { RunnerEvent } from "@whatsapp-engine/contract";
import type { Db, Tx } from "@whatsapp-engine/db";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createBackoff } from "./backoff.ts";
import { createConnector } from "./connector.ts";
import { createLiveSessions } from "./live.ts";
import { createSessionLocks } from "./locks.ts";
import { createObserver } from "./observer.ts";
import { createReconciler } from "./reconciler.ts";
import { createSessionService } from "./service.ts";
import { shareNextCall } from "./share-next-call.ts";
import { createSessionStore } from "./store.ts";

/** Puts the parts of this folder together. */
export function createSessions(deps: {
  db: Db;
  runtime: Runtime;
  runnerToken: (runnerId: string) => string;
  startConcurrency: number;
  defaultCountry: CountryCode;
  random: () => number;
  clock: Clock;
  log: Log;
  /** Stores a journal event; runs inside the transaction that advances the cursor. */
  onEvent: (tx: Tx, sessionId: string, event: RunnerEvent) => void;
  /** Finds out what became of messages without an outcome; called when a session is connected, and then regularly. */
  settle: (sessionId: string) => Promise<void>;
}) {
  const { db, runtime, clock, log } = deps;
  const store = createSessionStore({ db, clock });
  const live = createLiveSessions();
  const locks = createSessionLocks();
  const backoff = createBackoff({ clock, random: deps.random });
  const listRunners = shareNextCall(() => runtime.list());

  const connector = createConnector({
    ...deps,
    store,
    live,
    listRunners,
    observe: createObserver({ store, log }),
    onConnected: (sessionId) => void deps.settle(sessionId),
    onFate: (sessionId, runnerId, fate) => reconciler.onFate(sessionId, runnerId, fate),
    onLost: (sessionId, runnerId) => reconciler.replace(sessionId, runnerId, "runner_lost"),
  });
  const reconciler = createReconciler({ ...deps, store, live, locks, connector, backoff, listRunners });
  const service = createSessionService({ ...deps, store, live, locks, reconciler, backoff });

  return {
    store,
    live,
    service,
    open: () => reconciler.open(),
    close: () => reconciler.close(),
  };
}
