import { randomUUID } from "node:crypto";
import { AppError, type SessionReason } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Log } from "../lib/logger.ts";
import type { ProfileStore, RunnerHost, RunnerInfo } from "../runtime/index.ts";
import type { createBackoff } from "../lib/backoff.ts";
import type { Background } from "../lib/background.ts";
import type { Connector } from "./connector.ts";
import type { LiveSessions } from "../connection/index.ts";
import { type RunnerFate, type SessionRow, type SessionStore, startReason } from "../sessions/index.ts";
import type { Locks } from "../lib/locks.ts";
import { plan, type PlannedAction } from "./plan.ts";
import { withRunnerOfLater } from "./recovery.ts";
import { createStartQueue } from "./start-queue.ts";
import type { VersionPins } from "../builds/index.ts";

/** How long a runner may take to end: 8 s for a fresh login to settle on disk, twice 4 s for the browser to close. */
export const STOP_GRACE_SECONDS = 25;

/** How much longer than the runner itself allows a start may count as one. */
const START_MARGIN_MS = 10_000;

const WAITS_FOR_TURN = "Waits for its turn to start.";

export type Reconciler = ReturnType<typeof createReconciler>;

/**
 * Makes what runs into what is wanted: observe (list), plan (pure), execute; one session at a time under its
 * lock. Anything may ask for a pass at any time; a pass that finds all in order does nothing.
 */
export function createReconciler(deps: {
  store: SessionStore;
  host: RunnerHost;
  profiles: ProfileStore;
  live: LiveSessions;
  locks: Locks;
  connector: Connector;
  backoff: ReturnType<typeof createBackoff>;
  background: Background;
  runnerToken: (runnerId: string) => string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  startConcurrency: number;
  /** From start to a code or a login; the runner gives up then. */
  startTimeoutMs: number;
  versionPins: Pick<VersionPins, "versionToStart">;
  log: Log;
}) {
  const { store, host, profiles, live, locks, connector, backoff, background, listRunners, log } = deps;
  const starts = createStartQueue({
    limit: deps.startConcurrency,
    usedAt: store.usedAt,
    // In the background: logged if it fails, and not begun any more once the engine ends.
    onTurn: (sessionId) => new Promise((done) => background.run(() => pass(sessionId).finally(done))),
  });
  const timers = new Map<string, NodeJS.Timeout>();
  let ready = false;

  function refuseUnlessReady(): void {
    if (ready) return;
    throw new AppError("runtime_unavailable", "The engine is starting or stopping.", {
      retryAfterSeconds: 2,
    });
  }

  /**
   * One pass; the caller holds the session's lock. Throws what the runtime threw; the next pass goes on from what then
   * is. Throws `runtime_unavailable` too before the runtime is prepared and after `close()`: what a list shows then is
   * not all there is.
   */
  async function reconcile(sessionId: string): Promise<void> {
    refuseUnlessReady();
    const profile = store.profileOf(sessionId);
    if (!profile) return;
    const runners = (await listRunners()).filter(({ profileId }) => profileId === profile.id);
    const found = store.find(sessionId);
    if (!found) return;
    const session = withRunnerOfLater(store, found, profile.id, runners);
    store.keepRunners(
      profile.id,
      runners.map(({ runnerId }) => runnerId),
    );
    const actions = plan(session, runners);
    // Its place in the queue counts from here: what is dead takes longer to be removed for one than for another.
    const ends = actions.some((planned) => planned.action === "remove_runner" && planned.graceful);
    const starting = actions.some(({ action }) => action === "start") && !ends;
    const willStart = starting && backoff.remaining(sessionId) === 0;
    if (willStart) starts.take(sessionId);
    try {
      for (const planned of actions) await execute(sessionId, profile.id, planned);
    } catch (error) {
      if (willStart) starts.release(sessionId);
      throw error;
    }
  }

  async function execute(sessionId: string, profileId: string, planned: PlannedAction): Promise<void> {
    switch (planned.action) {
      case "start":
        return start(sessionId, profileId);
      case "follow":
        await follow(sessionId, profileId, planned.runnerId, "runner_lost");
        return;
      case "rename":
        // For people's eyes: nobody waits for it, and the next pass tries it again.
        return background.run(() => host.rename(planned.runnerId, sessionId));
      case "log_out":
        // Where WhatsApp cannot be told the phone shows the link until its owner removes it; what follows goes on.
        await connector
          .attach(sessionId, profileId, planned.runnerId)
          .then(() => live.get(sessionId)?.client.logout())
          .then((unlinked) => log.info({ sessionId, unlinked }, "logged out"))
          .catch((err: unknown) => {
            if (isUnavailable(err)) throw err;
            log.warn({ sessionId, err }, "logout not confirmed");
          });
        return passStep("runner.logged_out", { sessionId });
      case "remove_runner":
        await live.detach(sessionId, planned.runnerId);
        await host.remove(planned.runnerId, { graceSeconds: planned.graceful ? STOP_GRACE_SECONDS : 0 });
        passStep("runner.removed", { sessionId });
        return store.dropRunner(planned.runnerId);
      case "remove_profile":
        await profiles.remove(profileId);
        return passStep("profile.removed", { sessionId });
      case "forget":
        store.forget(sessionId);
        passStep("session.forgotten", { sessionId });
        backoff.reset(sessionId);
        live.notify(sessionId);
    }
  }

  /** One that runs and has no address, or ended since the list, is of no use. Returns whether it is followed. */
  async function follow(
    sessionId: string,
    profileId: string,
    runnerId: string,
    reason: SessionReason,
  ): Promise<boolean> {
    try {
      await connector.attach(sessionId, profileId, runnerId);
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "runner_unavailable") throw error;
      replace(sessionId, runnerId, reason, error.message);
      return false;
    }
  }

  async function start(sessionId: string, profileId: string): Promise<void> {
    const wait = backoff.remaining(sessionId);
    if (wait > 0) return schedule(sessionId, wait);
    await live.detach(sessionId);
    const row = store.find(sessionId);
    if (row?.desired !== "running") return starts.release(sessionId);
    if (!starts.take(sessionId)) return waitForTurn(row);
    let begun = false;
    try {
      begun = await launch(row, profileId);
    } finally {
      if (!begun) starts.release(sessionId);
    }
  }

  /** Returns whether a runner is on its way; then it is that runner's time to be up that the next start waits for. */
  async function launch(row: SessionRow, profileId: string): Promise<boolean> {
    const sessionId = row.id;
    const whatsappVersion = deps.versionPins.versionToStart(row);
    const runnerId = randomUUID();
    const generation = store.addRunner(runnerId, profileId);
    passStep("runner.row_written", { sessionId });
    // What the last start failed by stays to be read while the next one tries.
    const detail = row.status === "disconnected" ? row.detail : null;
    store.transition(row, { status: "connecting", reason: startReason(row), detail, runnerId });
    passStep("runner.named", { sessionId });
    live.notify(sessionId);
    try {
      const token = deps.runnerToken(runnerId);
      const expectsLogin = row.linkedPhoneNumber !== null;
      await host.ensure({
        runnerId,
        profileId,
        generation,
        sessionId,
        token,
        expectsLogin,
        whatsappVersion,
      });
    } catch (error) {
      if (isUnavailable(error)) throw error;
      replace(sessionId, runnerId, "start_failed", (error as Error).message);
      return false;
    }
    passStep("runner.started", { sessionId });
    if (!(await follow(sessionId, profileId, runnerId, "start_failed"))) return false;
    passStep("runner.attached", { sessionId });
    const up = () => {
      const now = store.find(sessionId);
      return (
        now?.runnerId !== runnerId || now.status !== "connecting" || now.desired !== "running" || undefined
      );
    };
    const timeoutMs = deps.startTimeoutMs + START_MARGIN_MS;
    void live
      .waitFor(sessionId, up, { timeoutMs, signal: background.stopping })
      .catch((err: unknown) => log.error({ sessionId, err }, "a start could not be followed"))
      .finally(() => starts.release(sessionId));
    return true;
  }

  function waitForTurn(row: SessionRow): void {
    store.transition(row, {
      status: "connecting",
      reason: startReason(row),
      detail: WAITS_FOR_TURN,
      waitsFor: "turn",
      runnerId: null,
    });
    live.notify(row.id);
  }

  /** A pass in the background; its failure becomes the session's status, and another try. */
  function request(sessionId: string): void {
    background.run(() => pass(sessionId));
  }

  function pass(sessionId: string): Promise<void> {
    return locks
      .run(sessionId, () => reconcile(sessionId))
      .catch((error: unknown) => failed(sessionId, error));
  }

  function schedule(sessionId: string, waitMs: number): void {
    if (background.stopping.aborted) return;
    clearTimeout(timers.get(sessionId));
    const timer = setTimeout(() => {
      timers.delete(sessionId);
      request(sessionId);
    }, waitMs);
    timers.set(sessionId, timer);
  }

  function failed(sessionId: string, error: unknown): void {
    log.error({ sessionId, err: error }, "session could not be brought to the wanted state");
    const { message } = error as Error;
    // A runtime that is away says so itself when it is back; waiting for it counts as no failure.
    if (isUnavailable(error)) return unreachable(sessionId, { detail: message });
    schedule(sessionId, backoff.fail(sessionId));
    disconnected(sessionId, "start_failed", message);
  }

  /**
   * The runtime cannot tell what became of the runner. One that is still being followed tells for itself, unless it
   * is the one whose stream broke.
   */
  function unreachable(
    sessionId: string,
    { detail = null, runnerId }: { detail?: string | null; runnerId?: string } = {},
  ): void {
    const followed = live.get(sessionId)?.runnerId;
    if (followed === undefined || followed === runnerId)
      disconnected(sessionId, "runtime_unavailable", detail);
  }

  function disconnected(sessionId: string, reason: SessionReason, detail: string | null): void {
    const row = store.find(sessionId);
    if (row?.desired !== "running") return;
    const known = row.reason === reason ? row.detail : null;
    store.transition(row, { status: "disconnected", reason, detail: detail ?? known });
    live.notify(sessionId);
  }

  /** What a runner told of itself asks for something to be done with it. */
  function onFate(sessionId: string, runnerId: string, fate: RunnerFate): void {
    if (fate === "replace") replace(sessionId, runnerId);
    if (fate === "end") request(sessionId);
  }

  /**
   * The present runner is proven dead, or must be replaced: say so, then start another on the same profile.
   * Without a reason of its own, the one that the runner told stands.
   */
  function replace(
    sessionId: string,
    runnerId: string,
    reason?: SessionReason,
    detail: string | null = null,
  ): void {
    const row = store.find(sessionId);
    if (!row || row.runnerId !== runnerId || row.desired !== "running") return;
    const cause = reason ? { reason, detail } : { reason: row.reason, detail: row.detail };
    store.transition(row, { status: "disconnected", ...cause, runnerId: null });
    log.warn({ sessionId, runnerId, ...cause }, "runner is replaced");
    live.notify(sessionId);
    background.run(() => live.detach(sessionId, runnerId));
    schedule(sessionId, backoff.fail(sessionId));
  }

  return {
    /** Throws `runtime_unavailable` where a pass would come to nothing now: asked before anything is changed for one. */
    async reachable(): Promise<void> {
      refuseUnlessReady();
      await host.ping();
    },

    reconcile,
    request,
    replace,
    unreachable,
    onFate,

    /** From now on a list shows all there is. */
    open: () => void (ready = true),

    /** Sessions that start or wait for their turn. */
    starting: (): number => starts.length,

    close(): void {
      ready = false;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === "runtime_unavailable";
