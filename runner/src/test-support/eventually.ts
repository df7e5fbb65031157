import { expect } from "vitest";

/** Like `expect.poll`, with time enough for a machine that is busy. */
export const eventually = <T>(look: () => T | Promise<T>) =>
  expect.poll(look, { timeout: 15_000, interval: 20 });
