import { expect, it } from "vitest";
import type { RunnerClient } from "./client.ts";
import { followRunner } from "./follow.ts";

/** Follows a runner that says these lines on every connection, until it was connected to so often; returns when that was. */
async function follow(
  lines: readonly string[],
  {
    connections,
    onLine = () => undefined,
    cursor = () => 0,
  }: { connections: number; onLine?: (line: string) => void; cursor?: () => number },
) {
  const stopping = new AbortController();
  const connected: number[] = [];
  const notTaken: string[] = [];
  let broken = 0;
  const client = {
    async *stream() {
      connected.push(performance.now());
      if (connected.length === connections) return stopping.abort();
      for (const line of lines) yield { line, seq: null };
      throw new Error("the connection breaks");
    },
  } as unknown as RunnerClient;
  await followRunner({
    client,
    cursor,
    onLine: ({ line }) => onLine(line),
    onNotTaken: (error) => void notTaken.push(String(error)),
    onBroken: async () => void broken++,
    clock: { now: () => 0 },
    signal: stopping.signal,
  });
  return { pauses: connected.slice(1).map((at, n) => at - connected[n]!), notTaken, broken };
}

const refuse = (line: string) => {
  if (line === "event") throw new Error("database or disk is full");
};

it.each(["state", "unreadable"])(
  "waits longer each time for a runner whose lines cannot be taken after its %s, and does not take its connection for broken",
  async (first) => {
    const { pauses, notTaken, broken } = await follow([first, "event"], { connections: 7, onLine: refuse });
    for (const [n, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(50 * 2 ** n - 2);
    expect(notTaken).toEqual(Array.from({ length: 6 }, () => "Error: database or disk is full"));
    expect(broken).toBe(0);
  },
);

it("waits shortly again once something was taken after the state", async () => {
  const quick = await follow(["state", "event"], { connections: 8 });
  const slow = await follow(["state"], { connections: 5 });
  expect(Math.min(...quick.pauses)).toBeLessThan(100);
  expect(slow.pauses.at(-1)).toBeGreaterThanOrEqual(398);
  expect(slow.broken).toBe(4);
});

it("waits longer each time, too, where it cannot be read up to where all is stored", async () => {
  let asked = 0;
  const { notTaken, broken, pauses } = await follow([], {
    connections: 1,
    cursor() {
      if (++asked < 5) throw new Error("disk I/O error");
      return 0;
    },
  });
  expect([asked, broken, pauses]).toEqual([5, 0, []]);
  expect(notTaken).toEqual(Array.from({ length: 4 }, () => "Error: disk I/O error"));
});
