import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 50;

/**
 * The first value of `probe` that is neither undefined nor false. Fails after `timeoutMs`, saying what was waited for
 * and what `seen` tells of then.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 30_000, seen }: { timeoutMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      const then = seen === undefined ? "" : `; last seen: ${JSON.stringify(seen())}`;
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${then}`);
    }
    await delay(POLL_MS);
  }
}
