/** For the length of a text that a pattern or a function looks at besides: what these need grows faster than the text. */
export const LOOK_NO_FURTHER = { abort: true } as const;
