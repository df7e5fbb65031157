import { expect } from "vitest";

/** `expect.poll`, with time enough for a machine that is busy. */
export const eventually: typeof expect.poll = (look) => expect.poll(look, { timeout: 15_000, interval: 20 });
