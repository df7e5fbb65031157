const FIRST_MS = 5_000;
const LONGEST_MS = 60 * 60_000;
/** How long an event is tried for: receivers get a day to come back, as Standard Webhooks advises. */
const GIVE_UP_AFTER_MS = 24 * 60 * 60_000;
/** A receiver cannot put us off for longer. */
const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60_000;

export type Failure = {
  /** Attempts until now, this one included. */
  attempts: number;
  createdAt: number;
  /** When the line's first failure after its last success was. */
  failingSince: number;
  /** Whether anybody answered. */
  answered: boolean;
  /** What the receiver asked for in `Retry-After`, in milliseconds. */
  retryAfterMs: number | null;
};

export type RetryPlan =
  | { action: "retry"; waitMs: number }
  /** `alsoBefore`: what was created before that and waits behind is given up too, as nobody is there. */
  | { action: "give_up"; alsoBefore: number | null };

/**
 * After a failed attempt: the next one is 5, 10, 20 … s later, an hour at the most, with jitter. It is given up when the
 * event is a day old and its line has failed for a day: an old event behind one that blocked gets its own chance, and
 * behind a receiver that is gone nothing piles up beyond a day.
 */
export function planRetry(
  failure: Failure,
  { now, random }: { now: number; random: () => number },
): RetryPlan {
  const { attempts, createdAt, failingSince, answered, retryAfterMs } = failure;
  const limit = now - GIVE_UP_AFTER_MS;
  if (createdAt <= limit && failingSince <= limit) {
    return { action: "give_up", alsoBefore: answered ? null : limit };
  }
  const backoffMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempts - 1)) * (0.5 + random() / 2);
  const askedMs = Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
  return { action: "retry", waitMs: Math.round(Math.max(backoffMs, askedMs)) };
}

/**
 * Milliseconds until the planned attempt: never more than were planned when it was, so that a clock that was set back
 * since holds nothing up.
 */
export const remainingWait = (
  { nextAttemptAt, updatedAt }: { nextAttemptAt: number; updatedAt: number },
  now: number,
): number => Math.max(0, Math.min(nextAttemptAt - now, nextAttemptAt - updatedAt));
