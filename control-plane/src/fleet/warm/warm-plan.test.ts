import type { QrCode, RunnerState } from "@whatsapp-engine/contract/runner";
import { describe, expect, it } from "vitest";
import { isReady, planWarm, type Warm } from "./warm-plan.ts";

const NOW = 1_000_000_000;
const MINUTE_MS = 60_000;
const at = (ms: number) => new Date(ms).toISOString();

const code = (expiresAt: number): QrCode => ({
  code: "a code",
  number: 1,
  issuedAt: at(NOW),
  expiresAt: at(expiresAt),
});
const state = (change: Partial<RunnerState> = {}): RunnerState => ({
  runnerId: "r1",
  profileId: "p1",
  status: "qr_ready",
  reason: null,
  detail: null,
  qr: code(NOW + 20_000),
  account: null,
  whatsappVersion: null,
  libraryVersion: "1",
  mends: [],
  failedMends: [],
  mendCounts: {},
  newerGeneration: null,
  awaitsPage: null,
  unreadLines: 0,
  unreadAt: null,
  diskTrouble: null,
  lastSeq: 0,
  since: at(NOW),
  ...change,
});
const warm = (n: number, change: Partial<Warm> = {}): Warm => ({
  profileId: `p${n}`,
  runnerId: `r${n}`,
  createdAt: NOW - n,
  state: state(),
  heardAt: NOW,
  linked: false,
  fault: null,
  ...change,
});
const starting = { state: state({ status: "connecting", reason: "starting", qr: null }) };

const planFor = (pool: Warm[], more: Partial<Parameters<typeof planWarm>[0]> = {}) =>
  planWarm({
    warm: pool,
    runners: pool.map(({ runnerId, profileId }) => ({
      runnerId,
      profileId,
      liveness: "alive",
      hasPoolName: false,
      createdAt: at(NOW),
    })),
    most: 2,
    maxAgeMs: 30 * MINUTE_MS,
    startMs: MINUTE_MS,
    now: NOW,
    ...more,
  });
/** `remove r1`, with a `!` where it counts as a failure, and `keeping` where its profile stays. */
const actions = (...args: Parameters<typeof planFor>) =>
  planFor(...args).map((planned) => {
    if (planned.action === "start") return "start";
    if (planned.action === "follow") return `follow ${planned.warm.runnerId}`;
    const { failed, keepProfile } = planned.verdict;
    return `remove${failed ? "!" : ""} ${planned.warm.runnerId}${keepProfile ? " keeping" : ""}`;
  });

describe("the plan of warm runners", () => {
  it("starts one at a time, until there are enough", () => {
    expect(actions([])).toEqual(["start"]);
    expect(actions([warm(1)])).toEqual(["follow r1", "start"]);
    expect(actions([warm(1, starting)])).toEqual(["follow r1"]);
    expect(actions([warm(1), warm(2)])).toEqual(["follow r1", "follow r2"]);
  });

  it("removes all where none is wanted, and first those without a code where fewer are", () => {
    expect(actions([warm(1), warm(2)], { most: 0 })).toEqual(["remove r1", "remove r2"]);
    expect(actions([warm(1, starting), warm(2)], { most: 1 })).toEqual(["remove r1", "follow r2"]);
  });

  it("replaces what ended, is gone, at fault, or shows no fresh code", () => {
    const replaced = (change: Partial<Warm>) =>
      expect(actions([warm(1, change)])).toEqual(["remove! r1", "start"]);
    replaced({ state: state({ status: "disconnected", reason: "qr_expired", qr: null }) });
    replaced({ state: state({ status: "disconnected", reason: "browser_gone", qr: null }) });
    replaced({ fault: "its runner ended" });
    replaced({ state: state({ qr: code(NOW - 20_000) }) });
    replaced({ ...starting, heardAt: NOW - MINUTE_MS });
    replaced({ state: null, heardAt: NOW - MINUTE_MS });
    expect(actions([warm(1)], { runners: [] })).toEqual(["remove r1", "start"]);
    const dead = {
      runnerId: "r1",
      profileId: "p1",
      liveness: "gone",
      hasPoolName: false,
      createdAt: at(NOW),
    } as const;
    expect(actions([warm(1)], { runners: [dead] })).toEqual(["remove r1", "start"]);
  });

  it("replaces what is old one after the other, the oldest first", () => {
    const old = { createdAt: NOW - 30 * MINUTE_MS };
    expect(actions([warm(1, old), warm(2, old)])).toEqual(["remove r1", "follow r2", "start"]);
    expect(actions([warm(2, old), warm(3, { ...starting, createdAt: NOW })])).toEqual([
      "follow r2",
      "follow r3",
    ]);
    expect(actions([warm(2, old), warm(3)])).toEqual(["remove r2", "follow r3", "start"]);
  });

  it("keeps one whose start, or silence, is not over", () => {
    expect(actions([warm(1, { state: null, heardAt: NOW - MINUTE_MS + 1 })])).toEqual(["follow r1"]);
    expect(actions([warm(1, { createdAt: NOW - 30 * MINUTE_MS + 1 })], { most: 1 })).toEqual(["follow r1"]);
  });

  it("removes the runner, never the profile, where somebody scanned", () => {
    const linked = { linked: true, state: state({ status: "connected", qr: null }) };
    expect(actions([warm(1, linked)])).toEqual(["remove r1 keeping", "start"]);
    expect(actions([warm(1, { ...linked, fault: "its runner ended" })], { runners: [], most: 0 })).toEqual([
      "remove r1 keeping",
    ]);
  });

  it("has one ready only while it shows a code that can be scanned", () => {
    const ready = (change: Partial<Warm>) => isReady(warm(1, change), NOW);
    expect(ready({})).toBe(true);
    expect(ready({ state: state({ qr: code(NOW - 19_999) }) })).toBe(true);
    expect(ready({ state: state({ qr: code(NOW - 20_000) }) })).toBe(false);
    expect(ready({ state: null })).toBe(false);
    expect(ready(starting)).toBe(false);
    expect(ready({ fault: "its runner ended" })).toBe(false);
    expect(ready({ linked: true })).toBe(false);
    expect(ready({ state: state({ status: "authenticated" }) })).toBe(false);
  });
});
