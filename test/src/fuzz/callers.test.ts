import { expect, it } from "vitest";
import { fuzzCallers } from "./callers.ts";

/** Of the calls of the document, how many such a run has seen succeed at the least: it tells apart what is made as it should be. */
const TAKEN = 38;

/** The short form of `npm run fuzz:api`. */
it("whatever callers send, each answer is as the document has it, and in time", async () => {
  const said: string[] = [];
  const { findings, answers, accepted } = await fuzzCallers({
    seed: 13,
    requests: 2_500,
    say: (line) => said.push(line),
  });
  expect(findings, said.join("\n")).toEqual([]);
  const taken = [...answers].filter(([, statuses]) => [...statuses.keys()].some((status) => status < 300));
  expect(taken.length).toBeGreaterThan(TAKEN);
  expect(accepted).toBeGreaterThan(50);
}, 360_000);
