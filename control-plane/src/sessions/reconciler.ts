import { randomUUID } from "node:crypto";
import { Semaphore } from "async-mutex";
import { AppError } from "@whatsapp-engine/contract";
import { iso, type Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { RunnerInfo, Runtime, RuntimeEvent } from "../runtime/runtime.ts";
import type { createBackoff } from "./backoff.ts";
import type { Connector } from "./connector.ts";
import type { LiveSessions } from "./live.ts";
import type { Fate } from "./observer.ts";
import type { SessionLocks } from "./locks.ts";
import { plan, type Step } from "./plan.ts";
import type { SessionStore } from "./store.ts";

/** Level-triggered: every session is looked at again after this time, whatever was or was not heard. */
const RESYNC_MS = 30_000;
/** How long a runner may take to close its browser, so that the login is whole on disk. */
const STOP_GRACE_SECONDS = 10;

export type Reconciler = ReturnType<typeof createReconciler>;

/**
 * Makes what runs into what is wanted: observe (list), plan (pure), execute; one session at a time under its
 * lock. Anything may ask for a pass at any time; a pass that finds all in order does nothing.
 */
export function createReconciler(deps: {
  store: SessionStore;
  runtime: Runtime;
  live: LiveSessions;
  locks: SessionLocks;
  connector: Connector;
  backoff: ReturnType<typeof createBackoff>;
  runnerToken: (runnerId: string) => string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  /** Finds out what became of messages without an outcome. */
  settle: (sessionId: string) => Promise<void>;
  startConcurrency: number;
  clock: Clock;
  log: Log;
}) {
  const { store, runtime, live, locks, connector, backoff, listRunners, log } = deps;
  const starts = new Semaphore(deps.startConcurrency);
  const stopping = new AbortController();
  const timers = new Map<string, NodeJS.Timeout>();
  const passes = new Set<Promise<unknown>>();
  let prepared = false;

  /** One pass. Throws what the runtime threw; the next pass goes on from what then is. */
  async function reconcile(sessionId: string): Promise<void> {
    const session = store.find(sessionId);
    const profile = store.profileOf(sessionId);
    if (!session || !profile || stopping.signal.aborted) return;
    const runners = (await listRunners()).filter(({ profileId }) => profileId === profile.id);
    store.keepRunners(
      profile.id,
      runners.map(({ runnerId }) => runnerId),
    );
    const linked = session.status === "connected" || session.status === "authenticated";
    for (const step of plan({ ...session, linked }, runners)) await execute(sessionId, profile.id, step);
  }

  async function execute(sessionId: string, profileId: string, step: Step): Promise<void> {
    switch (step.action) {
      case "start":
        return start(sessionId, profileId);
      case "follow":
        return connector.attach(sessionId, profileId, step.runnerId);
      case "logout":
        return logout(sessionId, step.runnerId);
      case "remove_runner":
        await live.detach(sessionId, step.runnerId);
        await runtime.remove(step.runnerId, { graceSeconds: step.graceful ? STOP_GRACE_SECONDS : 0 });
        return;
      case "remove_profile":
        return runtime.removeProfile(profileId);
      case "forget":
        store.forget(sessionId);
        backoff.reset(sessionId);
        live.notify(sessionId);
    }
  }

  async function start(sessionId: string, profileId: string): Promise<void> {
    const wait = backoff.remaining(sessionId);
    if (wait > 0) return schedule(sessionId, wait);
    await live.detach(sessionId);
    const runnerId = randomUUID();
    store.addRunner(runnerId, profileId);
    const row = store.find(sessionId);
    if (!row) return;
    store.transition(row, { status: "connecting", reason: "starting", runnerId });
    live.notify(sessionId);
    try {
      const token = deps.runnerToken(runnerId);
      await starts.runExclusive(() => runtime.ensure({ runnerId, profileId, sessionId, token }));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      return replace(sessionId, runnerId, "start_failed", (error as Error).message);
    }
    await connector.attach(sessionId, profileId, runnerId, { sessionId, claimedAt: iso(deps.clock.now()) });
  }

  /** A pass in the background; its failure becomes the session's status, and another try. */
  function request(sessionId: string): void {
    if (stopping.signal.aborted) return;
    track(
      locks.run(sessionId, () => reconcile(sessionId)).catch((error: unknown) => failed(sessionId, error)),
    );
  }

  function schedule(sessionId: string, waitMs: number): void {
    clearTimeout(timers.get(sessionId));
    const timer = setTimeout(() => {
      timers.delete(sessionId);
      request(sessionId);
    }, waitMs);
    timers.set(sessionId, timer);
  }

  function failed(sessionId: string, error: unknown): void {
    const unavailable = isUnavailable(error);
    log.error({ sessionId, err: error }, "session could not be brought to the wanted state");
    const row = store.find(sessionId);
    if (row?.desired === "running" && row.status !== "connected") {
      store.transition(row, {
        status: "disconnected",
        reason: unavailable ? "runtime_unavailable" : "start_failed",
        detail: unavailable ? null : (error as Error).message,
      });
      live.notify(sessionId);
    }
    // An engine that is away says so itself when it is back.
    if (!unavailable) schedule(sessionId, backoff.fail(sessionId));
  }

  /** What a runner told of itself asks for something to be done with it. */
  function onFate(sessionId: string, runnerId: string, fate: Fate): void {
    if (fate === "replace") return replace(sessionId, runnerId);
    if (fate === "end") return request(sessionId);
    if (fate !== "log_out") return;
    // Under the lock: nobody takes the runner away, or puts another on its profile, before WhatsApp was told.
    track(locks.run(sessionId, () => logout(sessionId, runnerId)).then(() => request(sessionId)));
  }

  /** Where WhatsApp cannot be told the phone shows the link until its owner removes it; what follows goes on. */
  async function logout(sessionId: string, runnerId: string): Promise<void> {
    const runner = live.get(sessionId);
    if (runner?.runnerId !== runnerId) return;
    await runner.client
      .logout()
      .catch((err: unknown) => log.warn({ sessionId, runnerId, err }, "logout not confirmed"));
  }

  /** The present runner is proven dead, or must be replaced: say so, then start another on the same profile. */
  function replace(
    sessionId: string,
    runnerId: string,
    reason?: "runner_lost" | "start_failed",
    detail: string | null = null,
  ): void {
    const row = store.find(sessionId);
    if (!row || row.runnerId !== runnerId || row.desired !== "running") return;
    store.transition(row, {
      status: "disconnected",
      reason: reason ?? row.reason,
      detail: reason ? detail : row.detail,
      runnerId: null,
    });
    log.warn({ sessionId, runnerId, reason: reason ?? row.reason, detail }, "runner is replaced");
    live.notify(sessionId);
    const wait = backoff.fail(sessionId);
    if (wait === 0) request(sessionId);
    else schedule(sessionId, wait);
  }

  async function relist(): Promise<void> {
    try {
      if (!prepared) await runtime.prepare();
      prepared = true;
      await removeLeftovers(await listRunners());
      for (const sessionId of store.ids()) request(sessionId);
      for (const sessionId of live.ids()) track(deps.settle(sessionId));
    } catch (err) {
      log.warn({ err }, "the runtime could not be listed");
    }
  }

  /** Runners of this installation that no session knows. Their profiles stay: a login is never deleted on a guess. */
  async function removeLeftovers(all: readonly RunnerInfo[]): Promise<void> {
    const known = store.profileSessions();
    for (const { runnerId, profileId } of all.filter((runner) => !known.has(runner.profileId))) {
      log.warn({ runnerId, profileId }, "a runner of no session is removed; its profile is kept");
      await runtime.remove(runnerId, { graceSeconds: STOP_GRACE_SECONDS });
    }
  }

  function onRuntimeEvent(event: RuntimeEvent): void {
    switch (event.type) {
      case "relist":
        return track(relist());
      case "exited": {
        const row = store.findByRunner(event.runnerId);
        if (row) replace(row.id, event.runnerId, "runner_lost");
        return;
      }
      case "out_of_memory":
        return log.warn({ runnerId: event.runnerId }, "a process of the runner was killed for memory");
      case "unavailable":
        return log.warn("the runtime does not answer; nothing is changed until it does");
      case "started":
    }
  }

  function track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => passes.delete(tracked));
    passes.add(tracked);
  }

  return {
    reconcile,
    request,
    replace,
    onFate,

    /** Prepares the runtime, lists what runs, adopts it, and goes on watching. An `OperatorError` is thrown. */
    async open(): Promise<void> {
      try {
        await runtime.prepare();
        prepared = true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        log.warn({ err: error }, "the runtime does not answer yet");
      }
      const first = new Promise<void>((resolve) => {
        runtime.watch((event) => {
          onRuntimeEvent(event);
          resolve();
        }, stopping.signal);
      });
      await first;
      while (passes.size > 0) await Promise.allSettled(passes);
      const resync = setInterval(() => onRuntimeEvent({ type: "relist" }), RESYNC_MS);
      stopping.signal.addEventListener("abort", () => clearInterval(resync));
    },

    /** Ends the loops and waits for passes under way. Runners are left as they are. */
    async close(): Promise<void> {
      stopping.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.allSettled(passes);
      await Promise.all(live.ids().map((sessionId) => live.detach(sessionId)));
    },
  };
}

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === "runtime_unavailable";
