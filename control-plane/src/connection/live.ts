import { EventEmitter, once } from "node:events";
import type { RunnerState } from "@whatsapp-engine/contract/runner";
import type { RunnerClient } from "./client.ts";

/** A session's present runner as this process is connected to it. */
export type LiveRunner = {
  readonly runnerId: string;
  readonly profileId: string;
  readonly client: RunnerClient;
  /** The newest state it told; null until the first. */
  state: RunnerState | null;
  /** Why the database could not take what it told last, as a sentence, for as long as that is so. */
  notTaken: string | null;
  /** When a call used it that leaves no event; in milliseconds since 1970. */
  usedAt: number;
  /** Ends the connection, not the runner. */
  stop(): Promise<void>;
};

/** Whether messages may be handed to it: one whose disk takes nothing would give each back. */
export const canSend = ({ status, diskTrouble }: RunnerState): boolean =>
  status === "connected" && diskTrouble === null;

export type LiveSessions = ReturnType<typeof createLiveSessions>;

/** A session's id is its caller's choice, and `error` is no name for an event. */
const changed = (sessionId: string) => `changed ${sessionId}`;

/** What is known of sessions only in memory: connections to runners, QR codes, and who waits for a change. */
export function createLiveSessions() {
  const runners = new Map<string, LiveRunner>();
  const changes = new EventEmitter().setMaxListeners(0);

  return {
    get: (sessionId: string) => runners.get(sessionId),
    set: (sessionId: string, runner: LiveRunner) => void runners.set(sessionId, runner),
    ids: () => [...runners.keys()],

    /** Ends the connection to a runner (to any runner if none is named). */
    async detach(sessionId: string, runnerId?: string): Promise<void> {
      const runner = runners.get(sessionId);
      if (!runner || (runnerId !== undefined && runner.runnerId !== runnerId)) return;
      runners.delete(sessionId);
      await runner.stop();
    },

    /** Wakes those who wait for something of this session. */
    notify: (sessionId: string) => void changes.emit(changed(sessionId)),

    /** The first value of `probe` that is not undefined, now or after a change; undefined after `timeoutMs`. */
    async waitFor<T>(
      sessionId: string,
      probe: () => T | undefined,
      { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
    ): Promise<T | undefined> {
      // Callers wait as long as they say, which is no whole number of milliseconds.
      const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
      const until = signal ? AbortSignal.any([deadline, signal]) : deadline;
      for (;;) {
        const value = probe();
        if (value !== undefined || until.aborted) return value;
        await once(changes, changed(sessionId), { signal: until }).catch(() => undefined);
      }
    },
  };
}
