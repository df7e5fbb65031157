import { z } from "zod";

/** For the length of a text that a pattern or a function looks at besides: what these need grows faster than the text. */
export const LOOK_NO_FURTHER = { abort: true } as const;

/**
 * A text of a caller's: of at most `max` characters (code points, as JSON Schema counts them). A longer one is refused before anything
 * else looks at it. `error` replaces the usual words.
 */
export const textUpTo = (max: number, error?: string): z.ZodString =>
  z.string().max(max, { ...LOOK_NO_FURTHER, ...(error !== undefined && { error }) });
