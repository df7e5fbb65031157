import { describe, expect, it } from "vitest";
import { plan } from "./plan.ts";

const alive = (runnerId: string) => ({ runnerId, profileId: "p", liveness: "alive" as const, createdAt: "" });
const gone = (runnerId: string) => ({ runnerId, profileId: "p", liveness: "gone" as const, createdAt: "" });
const session = (
  desired: "running" | "stopped" | "deleted",
  runnerId: string | null = "r1",
  linked = false,
) => ({
  desired,
  runnerId,
  linked,
});

describe("plan", () => {
  it("starts a runner where none is", () => {
    expect(plan(session("running", null), [])).toEqual([{ action: "start" }]);
  });

  it("takes over the present runner", () => {
    expect(plan(session("running"), [alive("r1")])).toEqual([{ action: "follow", runnerId: "r1" }]);
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
    expect(plan(session("deleted", "r1", true), [alive("r1")]).map(({ action }) => action)).toEqual([
      "logout",
      "remove_runner",
      "remove_profile",
      "forget",
    ]);
  });

  it("finishes a deletion of which only rows are left", () => {
    expect(plan(session("deleted", null), []).map(({ action }) => action)).toEqual([
      "remove_profile",
      "forget",
    ]);
  });
});
