import { randomUUID } from "node:crypto";
import { Mutex } from "async-mutex";
import type { RunnerState } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/logger.ts";
import type { ProfileStore, RunnerHost, RunnerInfo } from "../../runtime/index.ts";
import type { createBackoff } from "../../lib/backoff.ts";
import type { Background } from "../../lib/background.ts";
import { STOP_GRACE_SECONDS } from "../reconciler.ts";
import type { VersionPins } from "../../builds/index.ts";
import { followWarmRunner } from "../../connection/index.ts";
import {
  isReady,
  needless,
  planWarm,
  tellsOfLogin,
  type Verdict,
  type Warm,
  type PlannedAction,
} from "./warm-plan.ts";
import {
  WARM_GENERATION,
  type WarmRunnerRow,
  WarmRunnerTaken,
  type WarmStore,
} from "../../sessions/index.ts";

/** How soon it is looked again whether sessions still start; they go first. */
const YIELD_MS = 1_000;
/** How much longer than the runner itself allows a start may take. */
const START_MARGIN_MS = 10_000;
/** The pool's name where sessions have ids; no session's id has a space. */
const POOL = "warm runners";

/** A warm runner that this process knows of. */
type Entry = Warm & {
  /** It is being removed; nobody may have it any more. */
  leaving: boolean;
  /** Its start, while that is under way; never rejects. */
  launching: Promise<void> | null;
  unfollow: (() => Promise<void>) | null;
};

export type WarmRunners = ReturnType<typeof createWarmRunners>;

/**
 * A few started runners on fresh profiles that show a code already, for new sessions. Brought to what is wanted as
 * sessions are: observe, plan (`warm-plan.ts`), execute; one pass at a time, at which anything may ask for the next.
 */
export function createWarmRunners(deps: {
  rows: WarmStore;
  host: RunnerHost;
  profiles: ProfileStore;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  runnerToken: (runnerId: string) => string;
  /** How many the operator wants; 0: none. */
  wanted: number;
  maxAgeMs: number;
  /** From start to a code; the runner gives up then. */
  startTimeoutMs: number;
  /** How many more sessions may run. */
  sessionsLeft: () => number;
  /** Whether the machine has room for one more. */
  hasRoom: () => boolean;
  /** The build of WhatsApp Web that new sessions are started with; null: whatever is served. */
  versionForNew: () => string | null;
  exchangePages: VersionPins["exchange"];
  /** Sessions that start or wait for it. */
  sessionsStarting: () => number;
  backoff: ReturnType<typeof createBackoff>;
  background: Background;
  clock: Clock;
  log: Log;
}) {
  const { rows, host, profiles, backoff, background, clock, log } = deps;
  const entries = new Map<string, Entry>();
  const passes = new Mutex();
  let asked = false;
  let timer: NodeJS.Timeout | undefined;
  let mayRefillAt: number | undefined;

  const ready = () => [...entries.values()].filter((entry) => !entry.leaving && isReady(entry, clock.now()));

  function request(): void {
    if (asked) return;
    asked = true;
    background.run(() =>
      passes.runExclusive(() => {
        asked = false;
        return pass();
      }),
    );
  }

  function later(waitMs: number): void {
    if (background.stopping.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(request, waitMs);
  }

  async function pass(): Promise<void> {
    if (deps.wanted === 0 && rows.all().length === 0) return;
    // What the runtime does not tell now it does when it is back; whoever watches it asks again then.
    const runners = await deps.listRunners().catch(() => null);
    if (runners === null) return;
    const actions = planWarm({
      warm: known(),
      runners,
      most: Math.min(deps.wanted, deps.sessionsLeft()),
      maxAgeMs: deps.maxAgeMs,
      startMs: deps.startTimeoutMs + START_MARGIN_MS,
      now: clock.now(),
    });
    for (const planned of actions) {
      if (background.stopping.aborted) return;
      await execute(planned);
    }
  }

  /** Rows as entries; what has no row is not the pool's any more. */
  function known(): Entry[] {
    const all = rows.all();
    const profileIds = new Set(all.map(({ profileId }) => profileId));
    for (const entry of entries.values()) if (!profileIds.has(entry.profileId)) forget(entry);
    return all.map(entryOf).filter(({ leaving }) => !leaving);
  }

  function entryOf(row: WarmRunnerRow): Entry {
    const entry = entries.get(row.profileId) ?? {
      ...row,
      state: null,
      heardAt: clock.now(),
      linked: false,
      fault: null,
      leaving: false,
      launching: null,
      unfollow: null,
    };
    entries.set(row.profileId, entry);
    return entry;
  }

  function forget(entry: Entry): void {
    entries.delete(entry.profileId);
    // Also where the engine ends: the connection would keep it from that.
    entry.unfollow?.().catch((err: unknown) => log.warn({ err }, "a warm runner's stream was not closed"));
  }

  /** Milliseconds until a start may be thought of. Sessions that start go first, those of the engine's own start too. */
  function refillWait(): number {
    mayRefillAt ??= clock.now() + YIELD_MS;
    return Math.max(
      mayRefillAt - clock.now(),
      backoff.remaining(POOL),
      deps.sessionsStarting() > 0 ? YIELD_MS : 0,
      0,
    );
  }

  async function execute(planned: PlannedAction): Promise<void> {
    switch (planned.action) {
      case "follow":
        return follow(planned.warm as Entry);
      case "remove":
        return remove(planned.warm as Entry, planned.verdict);
      case "start":
        return start();
    }
  }

  async function start(): Promise<void> {
    const wait = refillWait();
    if (wait > 0) return later(wait);
    if (!deps.hasRoom()) return;
    const names = { profileId: randomUUID(), runnerId: randomUUID() };
    const row: WarmRunnerRow = { ...names, createdAt: clock.now() };
    rows.add(row);
    const entry = entryOf(row);
    passStep("warm.recorded", {});
    entry.launching = launch(entry);
    await entry.launching;
    entry.launching = null;
    await follow(entry);
  }

  async function launch(entry: Entry): Promise<void> {
    const { profileId, runnerId } = entry;
    try {
      const token = deps.runnerToken(runnerId);
      const names = { runnerId, profileId, generation: WARM_GENERATION, sessionId: null };
      await host.ensure({ ...names, token, expectsLogin: false, whatsappVersion: deps.versionForNew() });
      passStep("warm.started", {});
    } catch (err) {
      log.warn({ runnerId, err }, "a warm runner could not be started");
      entry.fault = "it could not be started";
      request();
    }
  }

  async function follow(entry: Entry): Promise<void> {
    if (
      entry.unfollow !== null ||
      entry.fault !== null ||
      entry.leaving ||
      entries.get(entry.profileId) !== entry
    )
      return;
    const { runnerId } = entry;
    const endpoint = await host.endpoint(runnerId).catch(() => null);
    // Claimed meanwhile, or not to be reached; the next pass looks again.
    if (endpoint === null || entry.leaving || entries.get(entry.profileId) !== entry) return;
    entry.unfollow = followWarmRunner({
      runnerId,
      endpoint,
      token: deps.runnerToken(runnerId),
      listRunners: deps.listRunners,
      onState: (state, client) => {
        deps.exchangePages(client, state);
        changed(entry, state);
      },
      onSilence: () => changed(entry, null),
      onLost: (why) => {
        entry.fault ??= why;
        request();
      },
      clock,
    });
  }

  function changed(entry: Entry, state: RunnerState | null): void {
    const before = standing(entry);
    if (state !== null || entry.state !== null) entry.heardAt = clock.now();
    entry.state = state;
    entry.linked ||= state !== null && tellsOfLogin(state);
    if (standing(entry) !== before) request();
  }

  const standing = (entry: Entry) =>
    isReady(entry, clock.now()) ? "ready" : entry.linked ? "linked" : (entry.state?.status ?? "silent");

  /** An older copy of the database may take what is a session's by now for the pool's. Throws where it cannot be told. */
  async function isSomebodys(profileId: string): Promise<boolean> {
    const contents = await profiles.inspect(profileId);
    return contents !== undefined && (contents.linked || contents.claim !== null);
  }

  async function remove(entry: Entry, { why, failed, keepProfile }: Verdict): Promise<void> {
    const { profileId, runnerId } = entry;
    // With its row a profile became a session's.
    if (entry.leaving || !rows.has(profileId)) return;
    entry.leaving = true;
    log[failed || keepProfile ? "warn" : "info"]({ runnerId, profileId, why }, "warm runner removed");
    try {
      // What is not there yet would be there afterwards.
      await entry.launching;
      await entry.unfollow?.();
      const keep = keepProfile || entry.linked;
      // Without a row nobody deletes the profile, whenever this breaks off.
      if (keep) rows.remove(profileId);
      await host.remove(runnerId, { graceSeconds: keep ? STOP_GRACE_SECONDS : 0 });
      passStep("warm.runner_removed", {});
      if (!keep) {
        if (await isSomebodys(profileId))
          log.warn({ profileId }, "a warm runner's profile is a session's by what stands in it, and is kept");
        else await profiles.remove(profileId);
        passStep("warm.profile_removed", {});
        rows.remove(profileId);
      }
      entries.delete(profileId);
      if (failed) backoff.fail(POOL);
      request();
    } catch (err) {
      log.warn({ runnerId, profileId, err }, "a warm runner could not be removed; tried again");
      entry.fault ??= why;
      entry.leaving = false;
    }
  }

  return {
    request,

    /** Profiles of the pool. */
    profileIds: (): Set<string> => new Set(rows.all().map(({ profileId }) => profileId)),

    hasReady: (): boolean => ready().length > 0,

    /** Those that show a code, and those on their way to one. */
    counts(): { ready: number; starting: number } {
      const all = [...entries.values()].filter(({ leaving }) => !leaving);
      const up = ready().length;
      return { ready: up, starting: all.length - up };
    },

    /**
     * Makes a session by `make`, on the warm runner that waits the longest, if one is ready, else on null. `make` takes the runner's row out
     * of the pool in the transaction that makes the session.
     */
    claim<T>(sessionId: string, make: (warm: WarmRunnerRow | null) => T): T {
      for (const entry of ready().toSorted((one, other) => one.createdAt - other.createdAt)) {
        passStep("warm.before_claim", {});
        try {
          const made = make(entry);
          passStep("warm.claimed", {});
          log.info({ sessionId, runnerId: entry.runnerId }, "session has a warm runner");
          forget(entry);
          request();
          return made;
        } catch (error) {
          if (!(error instanceof WarmRunnerTaken)) throw error;
          forget(entry);
        }
      }
      return make(null);
    },

    /** Removes so many, for a session that needs their room; those that show no code yet first. */
    giveUp(count: number): void {
      const up = new Set(ready());
      const all = [...entries.values()].filter(({ leaving }) => !leaving);
      const victims = all.toSorted((one, other) => Number(up.has(one)) - Number(up.has(other)));
      if (background.stopping.aborted) return;
      for (const entry of victims.slice(0, count)) {
        // Begun at once: what is given up counts no more for the next one who asks.
        const going = remove(entry, needless("a session needs its room"));
        background.run(() => going);
      }
    },

    /** Lets go; the runners stay. The background has ended before. */
    async close(): Promise<void> {
      clearTimeout(timer);
      await Promise.all([...entries.values()].map(({ unfollow }) => unfollow?.()));
      entries.clear();
    },
  };
}
