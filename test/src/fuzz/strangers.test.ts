import { expect, it } from "vitest";
import { fuzzStrangers } from "./strangers.ts";

/** The short form of `npm run fuzz`: two minutes. */
it("whatever strangers send, each session sends and receives", async () => {
  const said: string[] = [];
  const { findings, doings, unread } = await fuzzStrangers({
    seed: 13,
    seconds: 120,
    say: (line) => said.push(line),
  });
  expect(findings, said.join("\n")).toEqual([]);
  expect(doings).toBeGreaterThan(100);
  expect(unread).toContainEqual(expect.objectContaining({ sessionId: "a", byEngine: 0 }));
}, 300_000);
