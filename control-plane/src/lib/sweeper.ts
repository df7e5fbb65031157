import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "./logger.ts";

const EVERY_MS = 10 * 60_000;

/** Removes one small batch of what is no longer kept; answers how many rows, 0 when nothing is left to do. */
export type SweepStep = () => number;

/** Works off what may go, in small batches between other work: at the start, from time to time, and when asked. */
export function createSweeper({ steps, log }: { steps: readonly SweepStep[]; log: Log }) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  const closing = new AbortController();
  const { signal } = closing;

  async function sweep(): Promise<void> {
    do {
      again = false;
      for (const step of steps) {
        try {
          while (!signal.aborted && step() > 0) await nextTurn();
        } catch (err) {
          log.warn({ err }, "what is no longer kept could not be removed; it is tried again later");
        }
      }
    } while (again && !signal.aborted);
  }

  function request(): void {
    again = true;
    if (signal.aborted) return;
    running ??= nextTurn()
      .then(sweep)
      .finally(() => (running = undefined));
  }

  return {
    request,
    open(): void {
      timer = setInterval(request, EVERY_MS);
      request();
    },
    async close(): Promise<void> {
      closing.abort();
      clearInterval(timer);
      await running;
    },
  };
}
