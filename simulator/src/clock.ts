import { setImmediate, setTimeout } from "node:timers/promises";

/** Waits; with 0 only until what is being answered now has been said. */
export const pause = (milliseconds: number): Promise<void> =>
  milliseconds > 0 ? setTimeout(milliseconds, undefined, { ref: false }) : setImmediate();
