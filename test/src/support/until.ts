import { setTimeout as delay } from "node:timers/promises";

const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 250;
/** Of the time waited so far. To look is work, most of it for the engine that is looked at. */
const POLL_SHARE = 0.1;

/**
 * The first value of `probe` that is neither undefined nor false, looked for more seldom the longer it takes. Fails after
 * `timeoutMs`, saying what was waited for and what `seen` tells of then.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 30_000, seen }: { timeoutMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    const waitedMs = performance.now() - begun;
    if (waitedMs > timeoutMs) {
      const then = seen === undefined ? "" : `; last seen: ${JSON.stringify(seen())}`;
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${then}`);
    }
    await delay(Math.min(Math.max(waitedMs * POLL_SHARE, SHORTEST_POLL_MS), LONGEST_POLL_MS));
  }
}
