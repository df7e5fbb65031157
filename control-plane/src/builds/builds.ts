import { eq, ne, sql } from "drizzle-orm";
import type { Canary } from "@whatsapp-engine/contract/api";
import {
  runners,
  sessions as sessionRows,
  type Db,
  type MessageRow,
  type SessionRow,
} from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";
import type { AppendEvent } from "../events/index.ts";
import type { Log } from "../lib/logger.ts";
import type { ProfileStore, RunnerHost, RunnerInfo } from "../runtime/index.ts";
import type { Background } from "../lib/background.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { PageCopies } from "./page-copies.ts";
import type { WarmStore } from "../sessions/index.ts";
import { createEvidence } from "./evidence.ts";
import { createLooks } from "./looks.ts";
import { createMoves } from "./moves.ts";
import {
  fleetVersion,
  isMisplaced,
  keepsCopy,
  planBuilds,
  trialOf,
  type Sight,
  type PlannedAction,
} from "./plan.ts";
import { createPageTrouble } from "./page-trouble.ts";
import { createScout } from "./scout.ts";
import { createBuildStore, type WhatsAppBuildRow } from "./store.ts";

/** How often it is looked which session runs what; and, as it is more to read, what happened on a build. */
const TICK_MS = 5_000;
const SHORTEST_MS = 1_000;
const LONGEST_USE_MS = 60_000;
/** A decision may ask for the next one; after so many in a row it waits for the next look. */
const MAX_DECISIONS = 5;
/** How long a message that a page did not take is kept before it is tried again. */
const HELD_MS = 10_000;
/** From the start of a runner to its connection, in times of what the runner allows for a code. */
const READY_FACTOR = 2;

export type CanarySettings = {
  /** `auto`: where there are two sessions or more. */
  mode: "auto" | "on" | "off";
  /** The session that tries builds; null: the busiest. */
  sessionId: string | null;
  /** 0: never looked. */
  lookMs: number;
  proveMs: number;
  texts: number;
  patienceMs: number;
};

export type Builds = ReturnType<typeof createBuilds>;

/**
 * Goes from one build of WhatsApp Web to the next: finds it by a browser without a login, has one session try it, and
 * hands it to the others once it is proven. `plan.ts` decides, on what `store.ts` and `evidence.ts` read.
 */
export function createBuilds(deps: {
  db: Db;
  appendEvent: AppendEvent;
  host: RunnerHost;
  profiles: ProfileStore;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  rows: WarmStore;
  live: LiveSessions;
  copies: PageCopies;
  runnerToken: (runnerId: string) => string;
  startTimeoutMs: number;
  /** Whether the machine has room for a browser more. */
  hasRoom: () => boolean;
  /** Ends a session's runner in order and starts another, where `wanted` still says so when it is its turn. */
  restartIf: (sessionId: string, wanted: () => boolean) => Promise<void>;
  /** Messages that a build did not take go on, but for those of `kept` that were held after `heldBefore`. */
  letGoOfBuilds: (kept: ReadonlySet<string>, heldBefore: number) => void;
  /** For all sessions; then nobody takes part. */
  pinnedForAll: string | null;
  settings: CanarySettings;
  background: Background;
  clock: Clock;
  log: Log;
}) {
  const { db, appendEvent, host, profiles, rows, listRunners, runnerToken, startTimeoutMs } = deps;
  const { live, copies, hasRoom, settings, background, clock, log } = deps;
  const store = createBuildStore({ db, clock, appendEvent });
  const evidence = createEvidence({ db });
  const pageTrouble = createPageTrouble({ db, store, evidence, clock });
  const moves = createMoves({ clock });
  const scout = createScout({
    rows,
    host,
    profiles,
    listRunners,
    runnerToken,
    startTimeoutMs,
    clock,
    log,
  });
  const looks = createLooks({
    db,
    scout,
    store,
    copies,
    hasRoom,
    everyMs: settings.lookMs,
    background,
    clock,
    log,
  });
  const useMs = Math.min(LONGEST_USE_MS, Math.max(SHORTEST_MS, settings.proveMs / 60));
  const tickMs = Math.min(TICK_MS, useMs);
  let usedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const enabled = (): boolean =>
    deps.pinnedForAll === null &&
    (settings.mode === "on" ||
      (settings.mode === "auto" &&
        db
          .select({ n: sql<number>`count(*)` })
          .from(sessionRows)
          .where(ne(sessionRows.desired, "deleted"))
          .get()!.n >= 2));

  const sight = (row: SessionRow, runnerSince: number | null): Sight => ({
    runnerSince,
    id: row.id,
    running: row.desired === "running",
    status: row.status,
    reason: row.reason,
    detail: row.detail,
    unlinkedByCaller: row.unlinkOutcome !== null,
    version: row.whatsappVersion,
    pinned: row.whatsappVersionPin !== null,
    connectedAt: row.connectedAt,
    changedAt: row.updatedAt,
  });
  /** Of this session, or of all. */
  const sights = (sessionId?: string): Sight[] =>
    db
      .select({ row: sessionRows, since: runners.createdAt })
      .from(sessionRows)
      .leftJoin(runners, eq(runners.id, sessionRows.runnerId))
      .where(sessionId === undefined ? undefined : eq(sessionRows.id, sessionId))
      .all()
      .map(({ row, since }) => sight(row, since));

  const failedMends = (ids: readonly string[]) => [
    ...new Set(ids.flatMap((id) => live.get(id)?.state?.failedMends ?? [])),
  ];

  /** The session that is to try a build: connected, without a pin, and not linked a moment ago. */
  function canaryAmong(sessions: readonly Sight[], now: number): string | null {
    const connected = sessions.filter((one) => one.running && one.status === "connected" && !one.pinned);
    const named = settings.sessionId !== null && sessions.some(({ id }) => id === settings.sessionId);
    const ids = connected.map(({ id }) => id).filter((id) => !named || id === settings.sessionId);
    return ids.length === 0 ? null : evidence.busiest(ids, { linkedBefore: now - settings.proveMs, now });
  }

  /** `reads`: what happened on builds, too. */
  function decide(now: number, reads: boolean): PlannedAction[] {
    const builds = store.all();
    if (builds.length === 0) return [];
    const sessions = sights();
    const kept = new Set(copies.list().map(({ version }) => version));
    const trial = trialOf(builds);
    return planBuilds({
      now,
      builds,
      hasCopy: (version) => kept.has(version),
      sessions,
      trial: () =>
        reads
          ? evidence.ofTrial({
              sessionId: trial!.sessionId!,
              triedAt: trial!.triedAt!,
              readyAt: trial!.readyAt!,
              afterSeq: trial!.readyAfterSeq!,
              failedMends: failedMends([trial!.sessionId!]),
              troubles: trial!.troubles ?? [],
              now,
            })
          : null,
      use: ({ version, foundAt }: WhatsAppBuildRow) => {
        if (!reads) return null;
        const on = sessions.filter((one) => one.version === version && !one.pinned).map(({ id }) => id);
        return evidence.ofUse({ version, foundAt, failedMends: failedMends(on), now });
      },
      kinds: () => evidence.kinds(now),
      canary: () => (reads ? canaryAmong(sessions, now) : undefined),
      limits: { ...settings, readyMs: deps.startTimeoutMs * READY_FACTOR },
    });
  }

  function execute(planned: PlannedAction): void {
    switch (planned.action) {
      case "begin":
        store.begin(planned.version, planned.sessionId);
        return log.info(planned, "a session tries another build of WhatsApp Web");
      case "ready":
        return store.ready(planned.version, planned.sessionId, planned.at);
      case "prove":
        store.prove(planned.version, planned);
        return log.info(planned, "a build of WhatsApp Web is proven");
      case "reject": {
        const returnsTo = fleetVersion(store.all(), copies.has);
        store.reject(planned.version, planned.sessionId, { why: planned.why, returnsTo });
        return log.warn(planned, "a build of WhatsApp Web is rejected");
      }
      case "abandon":
        store.abandon(planned.version, planned.why);
        return log.info(planned, "a build of WhatsApp Web is not tried any more for now");
      case "refuse":
        store.refuse(planned.version, planned.why);
        return log.warn(planned, "WhatsApp refuses a build; its sessions go on with another");
      case "move":
        return move(planned);
    }
  }

  const isLeaving = (sessionId: string): boolean => {
    const builds = store.all();
    return sights(sessionId).some((one) => isMisplaced(one, builds, fleetVersion(builds, copies.has)));
  };

  /** By a restart, which keeps the login and sends nothing twice. */
  function move({ sessionId, refused }: { sessionId: string; refused: boolean }): void {
    const tried = store.all().some((build) => build.sessionId === sessionId && build.state !== "refused");
    if (!moves.mayLeave(sessionId, refused ? "refused" : tried ? "tried" : "left")) return;
    background.run(() => deps.restartIf(sessionId, () => isLeaving(sessionId)));
  }

  function tick(reads: boolean): void {
    try {
      if (enabled()) decideAll(reads);
      else {
        const trial = trialOf(store.all());
        if (trial) store.abandon(trial.version, "Builds are not tried any more.");
      }
    } finally {
      letGo();
    }
  }

  function decideAll(reads: boolean): void {
    for (let decided = 0; decided < MAX_DECISIONS; decided += 1) {
      const actions = decide(clock.now(), reads);
      for (const planned of actions) execute(planned);
      if (actions.every(({ action }) => action === "move")) return;
    }
  }

  /** What a build did not take stays held while its session is on it. */
  function letGo(): void {
    const builds = store.all();
    const trial = trialOf(builds);
    const kept = new Set(trial?.sessionId ? [trial.sessionId] : []);
    const ended = builds.filter(({ state }) => state === "rejected" || state === "found");
    const fleet = fleetVersion(builds, copies.has);
    for (const { sessionId, version } of ended) {
      if (sessionId === null) continue;
      const stillOnIt = fleet !== null && live.get(sessionId)?.state?.whatsappVersion === version;
      if (stillOnIt || isLeaving(sessionId)) kept.add(sessionId);
    }
    deps.letGoOfBuilds(kept, clock.now() - HELD_MS);
  }

  function look(): void {
    const now = clock.now();
    const reads = now - usedAt >= useMs;
    if (reads) usedAt = now;
    tick(reads);
  }

  /** What sessions are started with that are in no trial; null: whatever WhatsApp serves. */
  const forFleet = (): string | null => (enabled() ? fleetVersion(store.all(), copies.has) : null);

  /** The build to start an unpinned session with. */
  function versionFor(row: Pick<SessionRow, "id" | "whatsappVersion">): string | null {
    if (!enabled()) return null;
    const builds = store.all();
    const trial = trialOf(builds);
    if (trial?.sessionId === row.id && copies.has(trial.version)) return trial.version;
    const fleet = fleetVersion(builds, copies.has);
    const before = row.whatsappVersion;
    if (fleet === null || before === null || before === fleet) return fleet;
    // What it had is good too: the others take the new one over a few at a time.
    const had = builds.find(({ version }) => version === before);
    if (had?.state !== "proven" || !copies.has(before)) return fleet;
    const { cautious } = builds.find(({ version }) => version === fleet)!;
    return moves.mayTake(row.id, cautious) ? fleet : before;
  }

  return {
    versionFor,
    forFleet,
    seen: looks.seen,

    keeps: (version: string): boolean => keepsCopy(version, store.all()),

    /** Within the transaction that says so: the page did not take a message. Returns whether it is to be tried again. */
    onPageTrouble(message: MessageRow, words: string): boolean {
      if (!enabled()) return false;
      const isLeftFor = () => fleetVersion(store.all(), copies.has) !== null;
      const outcome = pageTrouble(message, words, isLeftFor);
      // It may be the one that decides.
      if (outcome === "noted") setImmediate(() => background.run(async () => tick(true)));
      return outcome !== null;
    },

    view: (): Canary => {
      const builds = store.all();
      const time = (at: number | null) => (at === null ? null : iso(at));
      return {
        enabled: enabled(),
        whatsappVersion: deps.pinnedForAll ?? forFleet(),
        sessionId: trialOf(builds)?.sessionId ?? null,
        lookedAt: time(looks.lastAt()),
        builds: builds.map((build) => ({
          whatsappVersion: build.version,
          state: build.state,
          sessionId: build.sessionId,
          foundAt: iso(build.foundAt),
          triedAt: time(build.triedAt),
          provenAt: time(build.provenAt),
          retryAt: time(build.retryAt),
          why: build.why,
        })),
      };
    },

    open(): void {
      looks.open();
      timer = setInterval(() => background.run(async () => look()), tickMs).unref();
    },

    close(): void {
      clearInterval(timer);
      looks.close();
    },
  };
}
