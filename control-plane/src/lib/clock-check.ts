import { iso, type Clock } from "./clock.ts";
import type { Log } from "./logger.ts";

/** The database may be a little ahead: clocks are set back by seconds. */
const BEHIND_MS = 60_000;
/** An engine that stood for longer is rarer than a machine that starts without its time. */
const AHEAD_MS = 30 * 24 * 60 * 60_000;
/** A clock that is set by the network is set by then; one that went steadily for so long is right. */
const STEADY_MS = 5 * 60_000;

export type ClockCheck = {
  /** Whether what is too old may be removed, and what is too late be ended. */
  isPlausible(): boolean;
  /** Why not, as a sentence; null: it may. */
  why(): string | null;
};

/**
 * A machine may start with a clock that is far off, until the network sets it. Until it is plausible nothing is removed for its age. `newestAt`:
 * the newest time that was written before this start, null where there is none. `steady`: a clock that nobody sets.
 */
export function createClockCheck({
  newestAt,
  clock,
  steady,
  log,
}: {
  newestAt: number | null;
  clock: Clock;
  steady: Clock;
  log: Log;
}): ClockCheck {
  const begun = { at: clock.now(), steadyAt: steady.now() };
  let told: string | null = null;

  function look(): string | null {
    if (newestAt === null) return null;
    const now = clock.now();
    const set = Math.abs(now - begun.at - (steady.now() - begun.steadyAt));
    if (set > BEHIND_MS) Object.assign(begun, { at: now, steadyAt: steady.now() });
    // The clock of before may have been the wrong one.
    if (steady.now() - begun.steadyAt >= STEADY_MS) return null;
    if (now < newestAt - BEHIND_MS) return `before what was written last (${iso(newestAt)})`;
    return now > newestAt + AHEAD_MS
      ? `more than 30 days after what was written last (${iso(newestAt)})`
      : null;
  }

  function why(): string | null {
    const found = look();
    const sentence =
      found === null
        ? null
        : `The clock says ${iso(clock.now())}, ${found}; nothing is removed or given up for its age until it is right.`;
    if ((found === null) !== (told === null)) {
      if (sentence === null) log.info("the clock is plausible; what is too old goes again");
      else log.warn({ newestAt: iso(newestAt!) }, sentence);
    }
    told = found;
    return sentence;
  }

  return { why, isPlausible: () => why() === null };
}
