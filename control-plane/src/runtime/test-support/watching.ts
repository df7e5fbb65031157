import type { RunnerHost, RuntimeEvent } from "../runner-host.ts";

/** Collects a runtime's events, and lets a test wait for one. */
export const watching = (host: Pick<RunnerHost, "watch">) => {
  const controller = new AbortController();
  const seen: RuntimeEvent[] = [];
  const waiting = new Set<() => void>();
  host.watch((event) => {
    seen.push(event);
    for (const look of waiting) look();
  }, controller.signal);
  return {
    seen,
    stop: () => controller.abort(),
    /** The first event, from the `from`th on, that matches. Fails after `withinMs`. */
    event: <E extends RuntimeEvent["type"]>(
      type: E,
      { runnerId, withinMs = 10_000, from = 0 }: EventFilter = {},
    ) =>
      new Promise<Extract<RuntimeEvent, { type: E }>>((resolve, reject) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = () => {
          const found = seen
            .slice(from)
            .find((event) => event.type === type && (runnerId === undefined || runnerOf(event) === runnerId));
          if (!found) return;
          done();
          resolve(found as Extract<RuntimeEvent, { type: E }>);
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`No ${type} within ${withinMs} ms; seen: ${JSON.stringify(seen)}`));
        }, withinMs);
        waiting.add(look);
        look();
      }),
  };
};

type EventFilter = { runnerId?: string; withinMs?: number; from?: number };

const runnerOf = (event: RuntimeEvent) => ("runnerId" in event ? event.runnerId : undefined);
