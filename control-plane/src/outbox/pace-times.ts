import type { PaceLimits } from "@whatsapp-engine/contract/api";

const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** The newest `size` times of something, in a ring: `next` is where the oldest of a full one stands. */
type Times = { at: number[]; next: number };

const add = (times: Times, size: number, at: number): void => {
  times.at[times.next] = at;
  times.next = (times.next + 1) % size;
};
const newest = ({ at, next }: Times, size: number): number => at[(next + size - 1) % size] ?? -Infinity;
/** Minus infinity while there are fewer than `size`. */
const oldest = ({ at, next }: Times): number => at[next] ?? -Infinity;

export type SessionTimes = ReturnType<typeof createSessionTimes>;

/**
 * When a session's next message may go out, after those that `handed` was told of, oldest first. `complete`: nothing
 * came before them that still counts; else the bucket counts as empty before the first of them.
 */
export function createSessionTimes(limits: PaceLimits, complete: boolean) {
  const { perMinute, burst, pauseMs, perDay } = limits;
  const size = Math.max(1, perDay);
  const times: Times = { at: [], next: 0 };
  const intervalMs = perMinute === 0 ? 0 : MINUTE_MS / perMinute;
  /** GCRA's theoretical arrival time: the bucket is full again from then on. */
  let fullAt = complete ? -Infinity : Infinity;

  return {
    newest: () => newest(times, size),

    handed(at: number): void {
      add(times, size, at);
      // An empty bucket is the worst there is, whatever went out under other limits.
      fullAt = Math.min(Math.max(fullAt, at) + intervalMs, at + burst * intervalMs);
    },

    readyAt: (): number =>
      Math.max(
        newest(times, size) + pauseMs,
        perMinute === 0 ? 0 : fullAt - (burst - 1) * intervalMs,
        perDay === 0 ? 0 : oldest(times) + DAY_MS,
      ),
  };
}

/** How many of a session's newest hand-overs tell all (or, of a session that never rests, nearly all) of its pace. */
export const tellingTimes = ({ perMinute, burst, perDay }: PaceLimits): number =>
  // A bucket that was drawn from at less than ten elevenths of its rate was full within its last ten fillings.
  Math.max(1, perDay, perMinute === 0 ? 0 : 10 * burst + 1);

export type RecipientTimes = ReturnType<typeof createRecipientTimes>;

/** The same for each recipient. Knows only those whose last message is so young that it counts. */
export function createRecipientTimes({ recipientPauseMs, recipientPerDay }: PaceLimits) {
  const size = Math.max(1, recipientPerDay);
  const keepMs = recipientPerDay === 0 ? recipientPauseMs : Math.max(recipientPauseMs, DAY_MS);
  /** In the order of their last message. */
  const byRecipient = new Map<string, Times>();
  let last = -Infinity;

  return {
    keepMs,
    newest: () => last,

    handed(recipient: string, at: number): void {
      for (const [name, times] of byRecipient) {
        if (newest(times, size) + keepMs > at) break;
        byRecipient.delete(name);
      }
      const times = byRecipient.get(recipient) ?? { at: [], next: 0 };
      add(times, size, at);
      byRecipient.delete(recipient);
      byRecipient.set(recipient, times);
      last = at;
    },

    /** `forms`: all by which the one recipient is written to. */
    readyAt(forms: readonly string[]): number {
      const at = forms
        .flatMap((form) => byRecipient.get(form)?.at ?? [])
        .toSorted((one, other) => other - one);
      if (at.length === 0) return 0;
      const oldestThatCounts = at[size - 1] ?? -Infinity;
      return Math.max(at[0]! + recipientPauseMs, recipientPerDay === 0 ? 0 : oldestThatCounts + DAY_MS);
    },
  };
}
