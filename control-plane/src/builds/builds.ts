import { ne, sql } from "drizzle-orm";
import type { Canary } from "@whatsapp-engine/contract";
import { sessions as sessionRows, type Db, type MessageRow, type SessionRow } from "@whatsapp-engine/db";
import { iso, type Clock } from "../clock.ts";
import type { AppendEvent } from "../events/store.ts";
import type { Log } from "../logger.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Background } from "../sessions/background.ts";
import type { LiveSessions } from "../sessions/live.ts";
import type { PageCopies } from "../sessions/page-copies.ts";
import type { WarmStore } from "../sessions/warm-store.ts";
import { createEvidence } from "./evidence.ts";
import { fleetVersion, planBuilds, trialOf, type Sight, type Step } from "./plan.ts";
import { createScout } from "./scout.ts";
import { createBuildStore, type WhatsAppBuildRow } from "./store.ts";

/** How often it is looked what happened on a build that is tried; more often where it is proven sooner. */
const LONGEST_TICK_MS = 5_000;
const SHORTEST_TICK_MS = 1_000;
/** What sessions do on a build that everybody was served is a lot to read. */
const LONGEST_USE_MS = 60_000;
/** Sessions that take a build over are counted for this long, and there may be so many of them; or one, where little is known. */
const MOVED_MS = 10 * 60_000;
const MOVES = 3;
/** A session that was moved is left alone for this long. */
const MOVE_AGAIN_MS = 60_000;
/** Messages that are kept for another try on another build, and how long they are kept for that. */
const MAX_TROUBLES = 100;
const HELD_MS = 2 * 60_000;
/** How soon after a start the first look is, and how soon after one the next where a session shows a build that has no copy. */
const FIRST_LOOK_MS = 5_000;
const SOONEST_LOOK_MS = 30_000;
/** Between the runner's own limit for a start and its connection, a wait for its turn included. */
const READY_FACTOR = 3;

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
  runtime: Runtime;
  rows: WarmStore;
  live: LiveSessions;
  copies: PageCopies;
  runnerToken: (runnerId: string) => string;
  startTimeoutMs: number;
  /** Whether the machine has room for a browser more. */
  hasRoom: () => boolean;
  /** Messages that a build did not take go on, but for those of the session that tries one. */
  letGoOfBuilds: (trying: readonly string[], heldBefore: number) => void;
  /** Ends a session's runner in order and starts another. */
  restart: (sessionId: string) => Promise<unknown>;
  /** For all sessions; then nobody takes part. */
  pinnedForAll: string | null;
  settings: CanarySettings;
  background: Background;
  clock: Clock;
  log: Log;
}) {
  const { db, live, copies, settings, background, clock, log } = deps;
  const store = createBuildStore(deps);
  const evidence = createEvidence(deps);
  const scout = createScout(deps);
  /** When sessions were started with a build that was new to them. */
  const moved = new Map<string, number>();
  const movedBack = new Map<string, number>();
  let usedAt = Number.NEGATIVE_INFINITY;
  let lookedAt: number | null = null;
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lookTimer: NodeJS.Timeout | undefined;

  const tickMs = Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, settings.proveMs / 60));
  const useMs = Math.min(LONGEST_USE_MS, Math.max(SHORTEST_TICK_MS, settings.proveMs / 60));

  const enabled = (): boolean =>
    deps.pinnedForAll === null &&
    (settings.mode === "on" ||
      (settings.mode === "auto" &&
        db
          .select({ n: sql<number>`count(*)` })
          .from(sessionRows)
          .where(ne(sessionRows.desired, "deleted"))
          .get()!.n >= 2));

  const sight = (row: SessionRow): Sight => ({
    id: row.id,
    running: row.desired === "running",
    status: row.status,
    reason: row.reason,
    detail: row.detail,
    version: row.whatsappVersion,
    pinned: row.whatsappVersionPin !== null,
  });

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

  function decide(now: number): Step[] {
    const builds = store.all();
    if (builds.length === 0) return [];
    const sessions = db.select().from(sessionRows).all().map(sight);
    const trial = trialOf(builds);
    const looksAtUse = now - usedAt >= useMs;
    if (looksAtUse) usedAt = now;
    return planBuilds({
      now,
      builds,
      hasCopy: copies.has,
      sessions,
      trial: () =>
        evidence.ofTrial({
          sessionId: trial!.sessionId!,
          triedAt: trial!.triedAt!,
          readyAt: trial!.readyAt!,
          afterSeq: trial!.readyAfterSeq!,
          failedMends: failedMends([trial!.sessionId!]),
          troubles: trial!.troubles ?? [],
          now,
        }),
      use: (build: WhatsAppBuildRow) => {
        if (!looksAtUse) return null;
        const { version, foundAt, foundAfterEvent: afterEvent } = build;
        const on = sessions.filter((one) => one.version === version && !one.pinned).map(({ id }) => id);
        return evidence.ofUse({ version, foundAt, afterEvent, failedMends: failedMends(on) });
      },
      kinds: () => evidence.kinds(now),
      canary: () => canaryAmong(sessions, now),
      limits: { ...settings, readyMs: deps.startTimeoutMs * READY_FACTOR },
    });
  }

  function execute(step: Step): void {
    switch (step.action) {
      case "begin":
        store.begin(step.version, step.sessionId);
        return log.info(step, "a session tries another build of WhatsApp Web");
      case "ready":
        return store.ready(step.version, step.sessionId);
      case "prove":
        store.prove(step.version, step);
        return log.info(step, "a build of WhatsApp Web is proven");
      case "reject":
        store.reject(step.version, step.sessionId, {
          why: step.why,
          returnsTo: fleetVersion(store.all(), copies.has),
        });
        return log.warn(step, "a build of WhatsApp Web is rejected");
      case "abandon":
        store.abandon(step.version, step.why);
        return log.info(step, "a build of WhatsApp Web is not tried any more for now");
      case "refuse":
        store.refuse(step.version, step.why);
        return log.warn(step, "WhatsApp refuses a build; its sessions go on with another");
      case "move":
        return move(step.sessionId);
    }
  }

  /** By a restart, which keeps the login and sends nothing twice. */
  function move(sessionId: string): void {
    const now = clock.now();
    if (now - (movedBack.get(sessionId) ?? Number.NEGATIVE_INFINITY) < MOVE_AGAIN_MS) return;
    const underWay = [...movedBack.values()].filter((at) => now - at < MOVE_AGAIN_MS).length;
    if (underWay >= MOVES) return;
    movedBack.set(sessionId, now);
    background.run(async () => {
      await deps.restart(sessionId);
    });
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
    const now = clock.now();
    for (const [id, at] of moved) if (now - at > MOVED_MS) moved.delete(id);
    const { cautious } = builds.find(({ version }) => version === fleet)!;
    if (moved.size >= (cautious ? 1 : MOVES) && !moved.has(row.id)) return before;
    moved.set(row.id, now);
    return fleet;
  }

  /** Finds the build that is served now, and keeps a copy of it. */
  async function look(): Promise<void> {
    if (!deps.hasRoom()) return log.debug("no room for a browser that looks at WhatsApp Web");
    try {
      const page = await scout.look(background.stopping);
      lookedAt = clock.now();
      if (page === null) return;
      const { version, html } = page;
      if (!copies.has(version)) log.info({ version }, "a copy of WhatsApp Web is kept");
      await copies.keep(version, html);
      store.found(version);
    } catch (err) {
      log.warn({ err }, "it could not be looked which WhatsApp Web is served");
    }
  }

  function lookIn(ms: number): void {
    if (settings.lookMs === 0 || background.stopping.aborted) return;
    clearTimeout(lookTimer);
    lookTimer = setTimeout(() => {
      background.run(() => {
        looking ??= look().finally(() => {
          looking = undefined;
          lookIn(settings.lookMs);
        });
        return looking;
      });
    }, ms).unref();
  }

  function tick(): void {
    const now = clock.now();
    if (enabled()) for (const step of decide(now)) execute(step);
    const trial = trialOf(store.all());
    deps.letGoOfBuilds(trial?.sessionId ? [trial.sessionId] : [], now - HELD_MS);
  }

  return {
    versionFor,
    forFleet,

    /** Whether its copy is kept however many there are. */
    keeps: (version: string): boolean =>
      store
        .all()
        .some((build) => build.version === version && (build.state === "proven" || build.state === "trying")),

    /** A session runs a build of which there is no copy: it is looked for soon, by a browser of its own. */
    seen(version: string): void {
      if (copies.has(version) || looking) return;
      const since = lookedAt === null ? Number.POSITIVE_INFINITY : clock.now() - lookedAt;
      const soonest = Math.min(SOONEST_LOOK_MS, settings.lookMs);
      lookIn(Math.max(0, soonest - since));
    },

    /**
     * The page did not take a message, within the transaction that says so. Answers whether it is to be tried again: so where
     * its session tries a build, once.
     */
    onPageTrouble(
      { id, sessionId, type }: Pick<MessageRow, "id" | "sessionId" | "type">,
      words: string,
    ): boolean {
      const trial = trialOf(store.all());
      const troubles = trial?.troubles ?? [];
      if (trial?.sessionId !== sessionId || trial.readyAt === null) return false;
      if (troubles.length >= MAX_TROUBLES) return false;
      if (troubles.some(({ messageId }) => messageId === id)) return false;
      store.note(trial.version, [...troubles, { messageId: id, kind: type, words, at: clock.now() }]);
      setImmediate(() => background.run(async () => tick())); // it may be the one that decides
      return true;
    },

    view: (): Canary => {
      const builds = store.all();
      const time = (at: number | null) => (at === null ? null : iso(at));
      return {
        enabled: enabled(),
        whatsappVersion: deps.pinnedForAll ?? forFleet(),
        sessionId: trialOf(builds)?.sessionId ?? null,
        lookedAt: time(lookedAt),
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
      background.run(() => scout.clearUp());
      lookIn(Math.min(FIRST_LOOK_MS, settings.lookMs));
      timer = setInterval(() => {
        background.run(async () => tick());
      }, tickMs).unref();
    },

    close(): void {
      clearInterval(timer);
      clearTimeout(lookTimer);
    },
  };
}
