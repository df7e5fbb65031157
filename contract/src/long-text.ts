/**
 * For the length of a text that a pattern or a function looks at besides: these take the square of a length, in time (200 s for a
 * line of half a megabyte) or in memory (an emoji of 70 kB ended the process).
 */
export const LOOK_NO_FURTHER = { abort: true } as const;
