import { expect, it } from "vitest";
import { runChaos } from "./chaos.ts";

/** The short form of `npm run chaos`; another seed each time is that one's business. */
it("60 messages of 3 sessions, killed at random: none doubled, none lost, no row that lies", async () => {
  const said: string[] = [];
  const result = await runChaos({
    seed: 7,
    messages: 60,
    sessions: 3,
    messagesPerKill: 12,
    say: (line) => said.push(line),
  });
  const { doubled, lost, failed, findings } = result;
  expect({ doubled, lost, failed, findings }, said.join("\n")).toEqual({
    doubled: 0,
    lost: 0,
    failed: 0,
    findings: [],
  });
  expect(result.accepted).toBeGreaterThanOrEqual(60);
  expect(result.sent + result.unknown).toBe(result.accepted);
}, 180_000);
