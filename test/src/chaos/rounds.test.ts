import { expect, it } from "vitest";
import { runRounds } from "./rounds.ts";

/** The short form of `npm run rounds`; this seed has four kinds of blows in it. */
it("4 rounds of kills and restarts of 2 linked sessions: each is connected again without a code", async () => {
  const said: string[] = [];
  const { rounds, findings } = await runRounds({
    runtime: "process",
    seed: 4,
    rounds: 4,
    say: (line) => said.push(line),
  });
  expect(findings, said.join("\n")).toEqual([]);
  expect(rounds).toHaveLength(4);
}, 180_000);
