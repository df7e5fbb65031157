import { expect, it } from "vitest";
import type { RunnerClient } from "../runner-client.ts";
import { followRunner } from "./follow.ts";

it("counts a runner as heard whose lines cannot be taken now", async () => {
  const stopping = new AbortController();
  let now = 0;
  const silent: number[] = [];
  const client = {
    async *stream() {
      now += 60_000; // the runner had nothing to say before
      yield { line: "state" };
    },
  } as unknown as RunnerClient;
  await followRunner({
    client,
    cursor: () => 0,
    onLine: () => {
      throw new Error("database or disk is full");
    },
    onBroken: async (silentMs) => {
      silent.push(silentMs);
      if (silent.length === 2) stopping.abort();
    },
    clock: { now: () => now },
    signal: stopping.signal,
  });
  expect(silent).toEqual([0, 0]);
});
