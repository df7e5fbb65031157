import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, type UnlinkOutcome } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Log } from "../lib/logger.ts";
import {
  createRunnerClient,
  type LiveSessions,
  type RunnerClient,
  RunnerSuperseded,
  RunnerUnavailable,
} from "../connection/index.ts";
import type { RunnerHost, RunnerInfo } from "../runtime/index.ts";
import { type Connector, STOP_GRACE_SECONDS } from "../fleet/index.ts";
import type { SessionRow, SessionStore } from "../sessions/index.ts";
import type { VersionPins } from "../builds/index.ts";

/** A runner that was just started listens well within this time. */
const LISTENING_MS = 10_000;
const TRY_AGAIN_MS = 100;

/**
 * Has a session's login deleted, and its account unlinked where WhatsApp answers: by the runner that there is, or by one
 * that is started for it alone. Only a runner can open a profile, and only a login that connects can be unlinked.
 */
export function createLogout(deps: {
  store: SessionStore;
  host: RunnerHost;
  live: LiveSessions;
  connector: Connector;
  runnerToken: (runnerId: string) => string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  versionPins: Pick<VersionPins, "versionFor" | "giveTo">;
  log: Log;
}) {
  const { store, host, live, connector, runnerToken, listRunners, versionPins, log } = deps;

  /** The line of messages does not hear of this runner: it is not followed, so nothing is handed to it. */
  async function byRunnerOfItsOwn(session: SessionRow, profileId: string): Promise<UnlinkOutcome> {
    const sessionId = session.id;
    const whatsappVersion = versionPins.versionFor(session);
    const runnerId = randomUUID();
    const token = runnerToken(runnerId);
    const generation = store.addRunner(runnerId, profileId);
    passStep("runner.row_written", { sessionId });
    // A login that is gone needs no logout.
    const expectsLogin = false;
    await host.ensure({
      runnerId,
      profileId,
      generation,
      sessionId,
      token,
      expectsLogin,
      whatsappVersion,
    });
    passStep("runner.started", { sessionId });
    const client = createRunnerClient(await host.endpoint(runnerId), token);
    try {
      // Without a copy nothing is opened: the login is deleted, and the answer says that WhatsApp was not asked.
      if (whatsappVersion !== null) await onceListening(() => versionPins.giveTo(client, whatsappVersion));
      return await onceListening(client.logout);
    } catch (error) {
      // An older database was put back; the next call's runner has a higher number.
      if (error instanceof RunnerSuperseded) store.raiseGeneration(sessionId, error.newerGeneration);
      throw error;
    } finally {
      await client.close();
    }
  }

  /**
   * The caller holds the session's lock, and asks for a pass afterwards: a runner that was started here ends with it.
   * Throws `runtime_unavailable`, and `runner_unavailable` where it is not known what was done.
   */
  return async function logOut(session: SessionRow): Promise<UnlinkOutcome> {
    const { id: sessionId, runnerId } = session;
    const profile = store.profileOf(sessionId);
    if (!profile) return "not_linked";
    const runners = (await listRunners()).filter(({ profileId }) => profileId === profile.id);
    const isPresent = (runner: RunnerInfo) => runner.runnerId === runnerId && runner.liveness === "alive";
    let present: RunnerClient | undefined;
    try {
      if (runners.some(isPresent)) {
        await connector.attach(sessionId, profile.id, runnerId!);
        present = live.get(sessionId)?.client;
      }
      if (present) return await onceListening(present.logout);
      for (const runner of runners) {
        await host.remove(runner.runnerId, { graceSeconds: STOP_GRACE_SECONDS });
        passStep("runner.removed", { sessionId });
      }
      return await byRunnerOfItsOwn(session, profile.id);
    } catch (cause) {
      if (cause instanceof AppError && cause.code !== "runner_unavailable") throw cause;
      log.warn({ sessionId, err: cause }, "a logout's outcome is not known");
      throw new AppError(
        "runner_unavailable",
        "The session's runner did not answer, so it is not known whether the account was logged out; call again, it does no harm.",
        { cause, retryAfterSeconds: 5 },
      );
    }
  };
}

/** Tries again for as long as it is proven that nothing arrived. */
async function onceListening<T>(call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LISTENING_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const mayTryAgain = error instanceof RunnerUnavailable && error.neverArrived;
      if (!mayTryAgain || performance.now() > deadline) throw error;
    }
    await delay(TRY_AGAIN_MS);
  }
}
