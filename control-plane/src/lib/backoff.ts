import type { Clock } from "./clock.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A session that ran this long without trouble starts from the beginning again. */
const HEALTHY_MS = 5 * 60_000;

/** When a session whose runner failed may be started again: at once, then after 1, 2, 4 … 60 s, with jitter. */
export function createBackoff({ clock, random }: { clock: Clock; random: () => number }) {
  const troubles = new Map<string, { failures: number; notBefore: number }>();

  return {
    /** Notes a failure; returns the milliseconds to wait. */
    fail(id: string): number {
      const now = clock.now();
      const last = troubles.get(id);
      const failures = last && now - last.notBefore < HEALTHY_MS ? last.failures + 1 : 0;
      const wait =
        failures === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)) * (0.5 + random() / 2);
      troubles.set(id, { failures, notBefore: now + wait });
      return wait;
    },
    /** Milliseconds until a start is due; 0 if it is now. */
    remaining: (id: string) => Math.max(0, (troubles.get(id)?.notBefore ?? 0) - clock.now()),
    reset: (id: string) => void troubles.delete(id),
  };
}
