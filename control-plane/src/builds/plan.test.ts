import { describe, expect, it } from "vitest";
import type { Evidence } from "./evidence.ts";
import { faultOf, fleetVersion, keepsCopy, planBuilds, type Known, type Sight } from "./plan.ts";
import type { WhatsAppBuildRow } from "./store.ts";
import { compareVersions } from "./versions.ts";

const OLD = "2.3000.1";
const NEW = "2.3000.2";
const NEWEST = "2.3000.10";
const NOW = 1_000_000_000;
const MINUTE = 60_000;

const build = (version: string, change: Partial<WhatsAppBuildRow> = {}): WhatsAppBuildRow => ({
  version,
  state: "found",
  foundAt: NOW - MINUTE,
  sessionId: null,
  triedAt: null,
  readyAt: null,
  readyAfterSeq: null,
  troubles: null,
  provenAt: null,
  rejectedAt: null,
  cautious: false,
  retryAt: null,
  why: null,
  ...change,
});
const proven = build(OLD, { state: "proven" });
const trying = build(NEW, {
  state: "trying",
  sessionId: "s",
  triedAt: NOW - 120 * MINUTE,
  readyAt: NOW - 119 * MINUTE,
  readyAfterSeq: 1,
});
const session = (change: Partial<Sight> = {}): Sight => ({
  id: "s",
  running: true,
  status: "connected",
  reason: null,
  detail: null,
  unlinkedByCaller: false,
  version: OLD,
  pinned: false,
  connectedAt: NOW - MINUTE,
  changedAt: NOW - MINUTE,
  runnerSince: NOW - MINUTE,
  ...change,
});
const kind = (acknowledged: number, troubles = 0) => ({ acknowledged, troubles, lastTrouble: "r: r" });
const good: Evidence = {
  kinds: { text: kind(10), image: kind(1) },
  lastTroubleAt: null,
  usualShare: 0,
  received: true,
  isDeaf: false,
  receivedBefore: 0,
  falls: 0,
  failedMends: [],
};
const plan = (change: Partial<Known>) =>
  planBuilds({
    now: NOW,
    builds: [],
    hasCopy: () => true,
    sessions: [session()],
    trial: () => good,
    use: () => good,
    kinds: () => new Set(["text", "image"]),
    canary: () => "s",
    limits: { proveMs: 60 * MINUTE, texts: 10, patienceMs: 3 * 24 * 60 * MINUTE, readyMs: 3 * MINUTE },
    ...change,
  });

it("compares versions by their numbers", () => {
  expect([NEWEST, OLD, NEW].toSorted(compareVersions)).toEqual([OLD, NEW, NEWEST]);
});

it("starts sessions with the newest build that is proven and has a copy", () => {
  const builds = [build(NEWEST), build(NEW, { state: "proven" }), proven];
  expect(fleetVersion(builds, () => true)).toBe(NEW);
  expect(fleetVersion(builds, (version) => version === OLD)).toBe(OLD);
  expect(fleetVersion([build(NEW, { state: "rejected" })], () => true)).toBeNull();
});

describe("while nothing is proven", () => {
  const found = build(NEW, { foundAt: NOW - 61 * MINUTE });
  const on = [session({ version: NEW })];
  it("the build that sessions were served is proven by what they do on it", () => {
    expect(plan({ builds: [found], sessions: on })).toMatchObject([
      { action: "prove", version: NEW, cautious: false },
    ]);
  });
  it.each<[string, Partial<Known>]>([
    ["nobody is on it", { sessions: [session({ version: OLD })] }],
    ["only a pinned session is on it", { sessions: [session({ version: NEW, pinned: true })] }],
    ["no copy is kept", { hasCopy: () => false }],
    ["it is young", { builds: [build(NEW, { foundAt: NOW - 59 * MINUTE })] }],
    ["it is not looked at now", { use: () => null }],
    ["too few texts", { use: () => ({ ...good, kinds: { text: kind(9), image: kind(1) } }) }],
    ["a kind is missing", { use: () => ({ ...good, kinds: { text: kind(10) } }) }],
    ["nothing was received", { use: () => ({ ...good, received: false }) }],
    ["something failed not long ago", { use: () => ({ ...good, lastTroubleAt: NOW - 59 * MINUTE }) }],
  ])("not where %s", (_, change) => {
    expect(plan({ builds: [found], sessions: on, ...change })).toEqual([]);
  });
});

describe("a newer build than the proven one", () => {
  it("is tried by one session, the newest first", () => {
    const builds = [build(NEWEST), build(NEW), proven];
    expect(plan({ builds })).toEqual([{ action: "begin", version: NEWEST, sessionId: "s" }]);
  });
  it("is not tried where it is older, has no copy, or was rejected less than a day ago", () => {
    const fleet = build(NEW, { state: "proven" });
    expect(plan({ builds: [fleet, build(OLD)] })).toEqual([]);
    expect(plan({ builds: [build(NEW), proven], hasCopy: (version) => version === OLD })).toEqual([]);
    const rejected = build(NEW, { state: "rejected", retryAt: NOW + 1 });
    expect(plan({ builds: [rejected, proven] })).toEqual([]);
    expect(plan({ builds: [{ ...rejected, retryAt: NOW }, proven] })).toMatchObject([{ action: "begin" }]);
    expect(plan({ builds: [build(NEW, { state: "refused" }), proven] })).toEqual([]);
  });
  it("waits where it is not looked for a session now, and after a trial that came to nothing", () => {
    expect(plan({ builds: [build(NEW), proven], canary: () => undefined })).toEqual([]);
    expect(plan({ builds: [build(NEW, { retryAt: NOW + 1 }), proven] })).toEqual([]);
  });
  it("is taken over with caution where no session can try it for days, the oldest first", () => {
    const old = NOW - 4 * 24 * 60 * MINUTE;
    const builds = [build(NEWEST, { foundAt: old }), build(NEW, { foundAt: old }), proven];
    expect(plan({ builds, canary: () => null })).toMatchObject([
      { action: "prove", version: NEW, cautious: true },
    ]);
    expect(plan({ builds: [build(NEW), proven], canary: () => null })).toEqual([]);
  });
});

describe("a trial", () => {
  const on = session({ version: NEW });
  const notReady = { ...trying, triedAt: NOW - MINUTE, readyAt: null };
  it("waits for its session, and notes when it is connected", () => {
    const starting = session({ status: "connecting", reason: "starting" });
    expect(plan({ builds: [notReady, proven], sessions: [starting] })).toEqual([]);
    expect(plan({ builds: [notReady, proven], sessions: [on] })).toEqual([
      { action: "ready", version: NEW, sessionId: "s", at: NOW - MINUTE },
    ]);
  });
  it("moves its session there, also after a kill of the engine in between", () => {
    expect(plan({ builds: [notReady, proven] })).toEqual([
      { action: "move", sessionId: "s", refused: false },
    ]);
  });
  const other = session({ id: "t" });
  const late = { ...notReady, triedAt: NOW - 5 * MINUTE };
  const lateOn = (change: Partial<Sight>) => [
    session({ version: NEW, status: "connecting", runnerSince: NOW - 4 * MINUTE, ...change }),
    other,
  ];
  it("fails where it shows neither code nor login, or a code though it had a login", () => {
    for (const change of [{ reason: "start_timeout" }, { status: "qr_ready" }] as const) {
      const sessions = [session({ version: NEW, status: "connecting", ...change }), other];
      expect(plan({ builds: [notReady, proven], sessions })).toMatchObject([
        { action: "reject", sessionId: "s" },
      ]);
    }
  });
  it.each(["page_hung", "page_crashed", "connect_timeout", "start_failed", null] as const)(
    "fails where it is not ready in time: %s",
    (reason) => {
      expect(plan({ builds: [late, proven], sessions: lateOn({ reason }) })).toMatchObject([
        { action: "reject" },
      ]);
      const early = lateOn({ reason, runnerSince: NOW - 2 * MINUTE });
      expect(plan({ builds: [late, proven], sessions: early })).toEqual([]);
    },
  );
  it.each([
    "runner_lost",
    "out_of_memory",
    "banned",
    "conflict",
    "runtime_unavailable",
    "browser_gone",
  ] as const)("ends without a verdict where what failed is no page: %s", (reason) => {
    const sessions = lateOn({ status: "disconnected", reason });
    expect(plan({ builds: [late, proven], sessions })).toMatchObject([{ action: "abandon" }]);
  });
  it("is not late before its runner was started with the build", () => {
    for (const runnerSince of [null, NOW - 6 * MINUTE])
      expect(plan({ builds: [late, proven], sessions: lateOn({ reason: "starting", runnerSince }) })).toEqual(
        [],
      );
  });
  it("tells nothing while most of the others are down too", () => {
    const down = session({ id: "t", status: "connecting", reason: "reconnecting" });
    const sessions = [session({ version: NEW, status: "connecting", reason: "start_timeout" }), down];
    expect(plan({ builds: [notReady, proven], sessions })).toEqual([]);
  });
  it.each<[string, Partial<Sight> | null]>([
    ["is gone", null],
    ["was stopped", { running: false, status: "disconnected", reason: "stopped" }],
    ["hibernates", { running: false, status: "disconnected", reason: "hibernated" }],
    ["was pinned", { pinned: true }],
  ])("ends without a verdict where its session %s", (_, change) => {
    const sessions = change === null ? [] : [session({ version: NEW, ...change })];
    expect(plan({ builds: [trying, proven], sessions })).toMatchObject([{ action: "abandon", version: NEW }]);
  });
  it("fails where WhatsApp unlinks its session, and not where a caller does", () => {
    const loggedOut = { version: NEW, running: false, status: "disconnected", reason: "logged_out" } as const;
    expect(
      plan({ builds: [trying, proven], sessions: [session({ ...loggedOut, unlinkedByCaller: true })] }),
    ).toMatchObject([{ action: "abandon" }]);
    const sessions = [
      session({ version: NEW, running: false, status: "disconnected", reason: "logged_out" }),
    ];
    expect(plan({ builds: [trying, proven], sessions })).toMatchObject([{ action: "reject" }]);
  });
  it("proves the build, and with caution where too little happened for days", () => {
    expect(plan({ builds: [trying, proven], sessions: [on] })).toMatchObject([
      { action: "prove", version: NEW, cautious: false },
    ]);
    const little = () => ({ ...good, received: false });
    expect(plan({ builds: [trying, proven], sessions: [on], trial: little })).toEqual([]);
    const long = { ...trying, foundAt: NOW - 4 * 24 * 60 * MINUTE };
    expect(plan({ builds: [long, proven], sessions: [on], trial: little })).toMatchObject([
      { action: "prove", cautious: true },
    ]);
    // Not one that failed before, nor where something failed now, nor at once.
    for (const change of [
      { rejectedAt: NOW - 24 * 60 * MINUTE },
      { readyAt: NOW - 59 * MINUTE },
    ] satisfies Partial<WhatsAppBuildRow>[])
      expect(plan({ builds: [{ ...long, ...change }, proven], sessions: [on], trial: little })).toEqual([]);
    const once = () => ({ ...little(), lastTroubleAt: NOW - 90 * MINUTE });
    expect(plan({ builds: [long, proven], sessions: [on], trial: once })).toEqual([]);
  });
  it("proves nothing while its session is not up, and ends where it stays so", () => {
    const down = (change: Partial<Sight>) =>
      plan({
        builds: [trying, proven],
        sessions: [session({ version: NEW, status: "disconnected", ...change })],
      });
    expect(down({ reason: "page_hung" })).toEqual([]);
    expect(down({ reason: "page_hung", changedAt: NOW - 5 * MINUTE })).toMatchObject([{ action: "reject" }]);
    expect(down({ reason: "runner_lost", changedAt: NOW - 5 * MINUTE })).toMatchObject([
      { action: "abandon" },
    ]);
    expect(down({ reason: "banned" })).toMatchObject([{ action: "abandon" }]);
  });
  it("fails where it shows a code to an account that was connected on it", () => {
    for (const change of [
      { status: "qr_ready" },
      { status: "disconnected", reason: "qr_expired", running: false },
    ] satisfies Partial<Sight>[])
      expect(
        plan({ builds: [trying, proven], sessions: [session({ version: NEW, ...change })] }),
      ).toMatchObject([{ action: "reject" }]);
  });
  it("ends where one start after the other fails", () => {
    const starting = { ...trying, triedAt: NOW - 13 * MINUTE, readyAt: null };
    const tried = (change: Partial<Sight>) =>
      plan({
        builds: [starting, proven],
        sessions: [session({ version: NEW, status: "disconnected", ...change })],
      });
    expect(tried({ reason: "start_failed" })).toMatchObject([{ action: "reject" }]);
    expect(tried({ reason: "start_failed", runnerSince: null })).toMatchObject([{ action: "reject" }]);
    expect(tried({ reason: "runtime_unavailable", version: OLD })).toMatchObject([{ action: "abandon" }]);
  });
  it("is judged though another account is banned, or is pinned to what does not come up", () => {
    const bad = () => ({ ...good, kinds: { image: kind(0, 2) } });
    const others = [
      session({ id: "t", status: "disconnected", reason: "banned" }),
      session({ id: "u", status: "disconnected", reason: "start_failed", pinned: true }),
    ];
    expect(plan({ builds: [trying, proven], sessions: [on, ...others], trial: bad })).toMatchObject([
      { action: "reject" },
    ]);
  });
  it("that WhatsApp does not let in fails alone, where others are let in with what they have", () => {
    const told = session({ version: NEW, status: "disconnected", reason: "deprecated_version" });
    expect(plan({ builds: [trying, proven], sessions: [told, session({ id: "t" })] })).toMatchObject([
      { action: "reject", version: NEW },
    ]);
    expect(plan({ builds: [trying, proven], sessions: [told] })).toMatchObject([{ action: "refuse" }]);
  });
  it("is rejected by what happened", () => {
    const bad = () => ({ ...good, kinds: { image: kind(0, 2) } });
    expect(plan({ builds: [trying, proven], sessions: [on], trial: bad })).toMatchObject([
      {
        action: "reject",
        version: NEW,
        sessionId: "s",
        why: expect.stringContaining("Messages of kind image failed"),
      },
    ]);
  });
});

it.each<[string, Partial<Evidence>, boolean]>([
  ["one file that it did not take", { kinds: { image: kind(0, 1) } }, false],
  ["two of its kind", { kinds: { image: kind(3, 2) } }, true],
  ["few of many", { kinds: { text: kind(100, 3) } }, false],
  ["as many as before", { kinds: { text: kind(6, 4) }, usualShare: 0.3 }, false],
  ["nearly all, though much failed before too", { kinds: { text: kind(1, 9) }, usualShare: 0.5 }, true],
  ["a mend that did not help", { failedMends: ["download_mimetype"] }, true],
  ["a page that fell over twice", { falls: 2 }, false],
  ["a page that fell over three times", { falls: 3 }, true],
  ["silence where much was received", { isDeaf: true, receivedBefore: 10 }, true],
  ["silence where little was", { isDeaf: true, receivedBefore: 9 }, false],
])("%s speaks against a build: %o", (_, change, speaks) => {
  expect(faultOf({ ...good, ...change }) !== null).toBe(speaks);
});

it("keeps copies of what is tried, and of the three that were proven last", () => {
  const versions = Array.from({ length: 5 }, (_, n) => `2.3000.${9 - n}`);
  const builds = [trying, build(NEWEST), ...versions.map((version) => build(version, { state: "proven" }))];
  expect([NEW, NEWEST, ...versions].filter((version) => keepsCopy(version, builds))).toEqual([
    NEW,
    ...versions.slice(0, 3),
  ]);
});

describe("sessions on a build that failed", () => {
  const rejected = build(NEW, {
    state: "rejected",
    sessionId: "s",
    rejectedAt: NOW - 30_000,
    retryAt: NOW + 1,
  });
  it("go back to the proven one", () => {
    const sessions = [
      session({ version: NEW }),
      session({ id: "pinned", version: NEW, pinned: true }),
      session({ id: "t" }),
    ];
    expect(plan({ builds: [rejected, proven], sessions })).toEqual([
      { action: "move", sessionId: "s", refused: false },
    ]);
    expect(plan({ builds: [rejected], sessions })).toEqual([]);
  });
  it("go back where their trial came to nothing", () => {
    const found = build(NEW, { sessionId: "s", retryAt: NOW + 1 });
    expect(plan({ builds: [found, proven], sessions: [session({ version: NEW })] })).toEqual([
      { action: "move", sessionId: "s", refused: false },
    ]);
  });
  it("go back where they came to it before another has tried it", () => {
    const sessions = [session({ id: "t", version: NEW }), session({ id: "u", version: NEWEST })];
    expect(
      plan({
        builds: [trying, proven],
        sessions: [session({ version: NEW }), ...sessions],
        trial: () => null,
      }),
    ).toEqual([
      { action: "move", sessionId: "t", refused: false },
      { action: "move", sessionId: "u", refused: false },
    ]);
    expect(plan({ builds: [build(NEW)], sessions, use: () => null })).toEqual([]);
  });
  it("are left alone while they start with another, and not while they start with it", () => {
    const starting = (runnerSince: number) =>
      plan({
        builds: [rejected, proven],
        sessions: [session({ version: NEW, status: "connecting", runnerSince })],
      });
    expect(starting(NOW)).toEqual([]);
    expect(starting(NOW - MINUTE)).toEqual([{ action: "move", sessionId: "s", refused: false }]);
  });
  it("move on where WhatsApp refuses it", () => {
    const told = session({ status: "disconnected", reason: "deprecated_version" });
    expect(plan({ builds: [proven], sessions: [told] })).toMatchObject([{ action: "refuse", version: OLD }]);
    const refused = build(OLD, { state: "refused" });
    // One that is connected works, and nothing is known that would be better.
    expect(plan({ builds: [refused], sessions: [session()], use: () => null })).toEqual([]);
    expect(
      plan({ builds: [build(NEW, { state: "proven" }), refused], sessions: [session()], canary: () => null }),
    ).toEqual([{ action: "move", sessionId: "s", refused: false }]);
    expect(plan({ builds: [build(NEW), refused], sessions: [told], use: () => null })).toEqual([
      { action: "move", sessionId: "s", refused: true },
    ]);
  });
});
