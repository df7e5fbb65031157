import { AppError } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import { type LiveSessions, type RunnerClient, RunnerUnavailable } from "../connection/index.ts";
import type { SessionService } from "./service.ts";

/** The runner of a session that is connected to WhatsApp. */
export type ConnectedRunner = (sessionId: string) => RunnerClient;

/** Its function throws `session_not_found`, `session_not_connected`, `runner_unavailable`, `runtime_unavailable`. */
export const createConnectedRunner =
  ({
    live,
    sessions,
    clock,
  }: {
    live: LiveSessions;
    sessions: Pick<SessionService, "reachable">;
    clock: Clock;
  }): ConnectedRunner =>
  (sessionId) => {
    const { status, reason } = sessions.reachable(sessionId);
    if (status !== "connected") {
      const message = `Session is not connected: '${sessionId}' is ${status}${reason ? ` (${reason})` : ""}, and must be for this.`;
      throw new AppError("session_not_connected", message, { extra: { status, reason } });
    }
    const runner = live.get(sessionId);
    if (!runner) throw new RunnerUnavailable(new Error("not attached"));
    runner.usedAt = clock.now();
    return runner.client;
  };
