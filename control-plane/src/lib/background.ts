import type { Log } from "./logger.ts";

/** Work that nobody waits for: it is logged when it fails, and waited for when the engine ends. */
export type Background = {
  readonly stopping: AbortSignal;
  /** Does nothing once `stop()` was called. */
  run(work: () => Promise<void>): void;
  /** Resolves when nothing runs any more, what was begun meanwhile included. */
  idle(): Promise<void>;
  stop(): void;
};

export function createBackground(log: Log): Background {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();

  return {
    stopping: stopping.signal,

    run(work) {
      if (stopping.signal.aborted) return;
      const tracked: Promise<void> = Promise.resolve()
        .then(work)
        .catch((err: unknown) => log.error({ err }, "background work failed"))
        .finally(() => running.delete(tracked));
      running.add(tracked);
    },

    async idle() {
      while (running.size > 0) await Promise.all(running);
    },

    stop: () => stopping.abort(),
  };
}
