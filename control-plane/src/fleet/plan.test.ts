import { describe, expect, it } from "vitest";
import type { RunnerInfo } from "../runtime/index.ts";
import { plan, type Wanted } from "./plan.ts";

const alive = (runnerId: string): RunnerInfo => ({
  runnerId,
  profileId: "p",
  liveness: "alive",
  hasPoolName: false,
  createdAt: "",
});
const gone = (runnerId: string): RunnerInfo => ({ ...alive(runnerId), liveness: "gone" });
const session = (desired: Wanted["desired"], more: Partial<Wanted> = {}): Wanted => ({
  desired,
  status: "connecting",
  reason: null,
  runnerId: "r1",
  ...more,
});
const actions = (...args: Parameters<typeof plan>) => plan(...args).map(({ action }) => action);

describe("plan", () => {
  it("starts a runner where none is", () => {
    expect(plan(session("running", { runnerId: null }), [])).toEqual([{ action: "start" }]);
  });

  it("takes over the present runner", () => {
    expect(plan(session("running"), [alive("r1")])).toEqual([{ action: "follow", runnerId: "r1" }]);
  });

  it("names a runner of the pool after the session that has it, whenever it finds it", () => {
    expect(plan(session("running"), [{ ...alive("r1"), hasPoolName: true }])).toEqual([
      { action: "follow", runnerId: "r1" },
      { action: "rename", runnerId: "r1" },
    ]);
  });

  it("removes a dead runner before it starts another on the same profile", () => {
    expect(plan(session("running"), [gone("r1")])).toEqual([
      { action: "remove_runner", runnerId: "r1", graceful: false },
      { action: "start" },
    ]);
  });

  it("leaves one runner where two are on one profile", () => {
    expect(plan(session("running"), [alive("r0"), alive("r1")])).toEqual([
      { action: "remove_runner", runnerId: "r0", graceful: true },
      { action: "follow", runnerId: "r1" },
    ]);
  });

  it("keeps the profile of a stopped session", () => {
    expect(plan(session("stopped"), [alive("r1")])).toEqual([
      { action: "remove_runner", runnerId: "r1", graceful: true },
    ]);
  });

  it("logs a linked account out before it deletes all", () => {
    expect(actions(session("deleted", { status: "connected" }), [alive("r1")])).toEqual([
      "log_out",
      "remove_runner",
      "remove_profile",
      "forget",
    ]);
  });

  it("logs the wrong account out before its runner goes, also after a crash in between", () => {
    const wrong = { status: "auth_failed", reason: "wrong_number" } as const;
    expect(actions(session("stopped", wrong), [alive("r1")])).toEqual(["log_out", "remove_runner"]);
    expect(actions(session("deleted", wrong), [alive("r1")])[0]).toBe("log_out");
  });

  it("finishes a deletion of which only rows are left", () => {
    expect(actions(session("deleted", { runnerId: null }), [])).toEqual(["remove_profile", "forget"]);
  });
});
