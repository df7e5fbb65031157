import type { Measure } from "./usage.ts";

/** What brings memory back, the mildest first. */
export type Relief = "page" | "browser";

/** Our choice: a page that loads a history or a file uses more for some seconds, and gives it back. */
const LOOK_EVERY_MS = 15_000;
const LOOKS = 2;
/** What one relief does not bring back, the same again will not bring back soon. */
const AGAIN_AFTER_MS = 10 * 60_000;

/** Decides, look by look, whether memory has to be brought back, and how. `softMb` 0: never. */
export const createSoftMark = (softMb: number) => {
  let above = 0;
  const last: Record<Relief, number> = { page: Number.NEGATIVE_INFINITY, browser: Number.NEGATIVE_INFINITY };

  return (look: { usedMb: number | null; busy: boolean; now: number }): Relief | null => {
    const { usedMb, busy, now } = look;
    above = softMb > 0 && usedMb !== null && usedMb > softMb ? above + 1 : 0;
    if (above < LOOKS || busy) return null;
    const relief = (["page", "browser"] as const).find((one) => now - last[one] >= AGAIN_AFTER_MS);
    if (relief === undefined) return null;
    above = 0;
    last[relief] = now;
    return relief;
  };
};

type Watch = {
  softMb: number;
  measure: Measure;
  /** Whether something is under way that a mend would disturb. */
  busy: () => boolean;
  relieve: (relief: Relief, detail: string) => void;
  /** Called at each look. */
  onLook: () => void;
};

/** Looks from time to time. Returns the way to stop that. */
export const watchMemory = ({ softMb, measure, busy, relieve, onLook }: Watch): (() => void) => {
  const decide = createSoftMark(softMb);
  const look = (): void => {
    onLook();
    const usedMb = softMb > 0 ? measure() : null;
    const relief = decide({ usedMb, busy: busy(), now: Date.now() });
    if (relief === null) return;
    relieve(
      relief,
      `${Math.round(usedMb!)} MB of memory are used; the mark is ${softMb} (RUNNER_MEMORY_SOFT_MB).`,
    );
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
};
