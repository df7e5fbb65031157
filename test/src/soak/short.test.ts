import { expect, it } from "vitest";
import { runSoak } from "./soak.ts";

/** The short form of `npm run soak`: a session that is not forgotten shows by its name at once. */
it("12 sessions with stubs for runners, made, used and deleted: the control plane holds nothing of them", async () => {
  const { growths, findings } = await runSoak({
    runtime: "process",
    stubCycles: 12,
    cycles: 0,
    sends: 0,
    say: () => undefined,
  });
  expect(findings).toEqual([]);
  expect(growths).toHaveLength(1);
}, 120_000);
