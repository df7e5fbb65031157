import type { Clock } from "../lib/clock.ts";

/** Sessions that take a build over are counted for this long, and there may be so many of them; or one, where little is known. */
const TAKEN_MS = 10 * 60_000;
const MOST = 3;
/** So many are made to leave a build within this time. */
const LEAVE_MS = 60_000;
/** A session that tried a build, or one that WhatsApp refused one, is not moved again for this long. */
const TRIED_AGAIN_MS = 5_000;
const REFUSED_AGAIN_MS = 10 * 60_000;

/** It tried the build, is down as WhatsApp refuses it, or runs one that is not wanted any more. */
type Leaving = "tried" | "refused" | "left";

/** How fast sessions go from one build to another: a few at a time, and each not again at once. */
export function createMoves({ clock }: { clock: Clock }) {
  /** When sessions were started with a build that was new to them. */
  const taken = new Map<string, number>();
  /** When and why sessions were made to leave a build. */
  const left = new Map<string, { at: number; why: Leaving }>();

  return {
    /** Whether the session may leave its build now; if so, it counts. Only who just `left` one waits for others. */
    mayLeave(sessionId: string, why: Leaving): boolean {
      const now = clock.now();
      for (const [id, { at }] of left) if (now - at >= REFUSED_AGAIN_MS) left.delete(id);
      const since = now - (left.get(sessionId)?.at ?? Number.NEGATIVE_INFINITY);
      if (since < (why === "tried" ? TRIED_AGAIN_MS : REFUSED_AGAIN_MS)) return false;
      const recent = [...left.values()].filter((one) => one.why === "left" && now - one.at < LEAVE_MS).length;
      if (why === "left" && recent >= MOST) return false;
      left.set(sessionId, { at: now, why });
      return true;
    },

    /** Whether the session may be started with a build that is new to it; if so, it counts. `cautious`: little is known of it. */
    mayTake(sessionId: string, cautious: boolean): boolean {
      const now = clock.now();
      for (const [id, at] of taken) if (now - at >= TAKEN_MS) taken.delete(id);
      if (taken.size >= (cautious ? 1 : MOST) && !taken.has(sessionId)) return false;
      taken.set(sessionId, now);
      return true;
    },
  };
}
