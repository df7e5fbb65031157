/** Time as a dependency. */
export type Clock = {
  /** Milliseconds since 1970, UTC. */
  now(): number;
};

export const systemClock: Clock = { now: () => Date.now() };

/** Milliseconds since some point, for what is measured within this process: nobody sets it. */
export const steadyClock: Clock = { now: () => performance.now() };

/** Milliseconds since 1970 as the API writes them. */
export const iso = (at: number): string => new Date(at).toISOString();
