import type { CountryCode } from "libphonenumber-js/max";
import type { SessionLimit } from "@whatsapp-engine/contract/api";
import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import type { Db } from "@whatsapp-engine/db";
import { steadyClock, type Clock } from "./lib/clock.ts";
import type { AppendEvent } from "./events/index.ts";
import type { Log } from "./lib/logger.ts";
import type { ProfileStore, RunnerHost } from "./runtime/index.ts";
import {
  type Admission,
  type AdmissionLimits,
  createAdmission,
  createConnector,
  createObserver,
  createReconciler,
  createRecovery,
  createRunnersOf,
  createSupervisor,
  createUnread,
  createWarmRunners,
  type Machine,
  type Reconciler,
} from "./fleet/index.ts";
import { type CanarySettings, createBuilds, createPageCopies, createVersionPins } from "./builds/index.ts";
import { createBackup, createLogout, createRestore, createUnusedProfiles } from "./logins/index.ts";
import { createBackground } from "./lib/background.ts";
import { createBackoff } from "./lib/backoff.ts";
import { createHibernation, createIdle } from "./sleep/index.ts";
import { createLiveSessions } from "./connection/index.ts";
import { createHook } from "./lib/hook.ts";
import { createLocks } from "./lib/locks.ts";
import {
  createConnectedRunner,
  createPairing,
  createScreenshot,
  createSessionService,
  createSessionStore,
  createWarmStore,
  type SessionService,
} from "./sessions/index.ts";
import { createAddressBook } from "./chats/index.ts";
import { shareNextCall } from "./lib/share-next-call.ts";

/** The engine's own checks and reads take seconds, each call at most 15. */
const STRAY_MS = 10 * 60_000;

export type SessionsDeps = {
  db: Db;
  host: RunnerHost;
  profiles: ProfileStore;
  runnerToken: (runnerId: string) => string;
  startConcurrency: number;
  startTimeoutMs: number;
  /** Of sessions without a setting of their own; 0: never. */
  hibernateAfterMinutes: number;
  /** Of WhatsApp Web, for sessions without a pin of their own; null: whatever WhatsApp serves. */
  whatsappVersion: string | null;
  limits: AdmissionLimits;
  /** How builds of WhatsApp Web are found, tried and taken over. */
  canary: CanarySettings;
  /** How many runners wait for new sessions, and for how long at the most. */
  warmRunners: { wanted: number; maxAgeMs: number };
  machine: Machine;
  appendEvent: AppendEvent;
  /** What WhatsApp keeps a session's account from. */
  limitOf: (sessionId: string) => SessionLimit | null;
  /** Messages that a build did not take go on, but for those of `kept` that were held after `heldBefore`. */
  letGoOfBuilds: (kept: ReadonlySet<string>, heldBefore: number) => void;
  /** Ends what else belongs to a session, within the transaction that forgets it. */
  onForget: (sessionId: string) => void;
  /** Nobody can tell any more what became of what was under way, within the transaction that notes so. */
  onJournalLost: (sessionId: string) => void;
  /** A runner of no session is gone. */
  onRunnerRemoved: () => void;
  /** Hears of what the database could not take. */
  onDatabaseError: (error: unknown) => void;
  defaultCountry: CountryCode;
  random: () => number;
  clock: Clock;
  log: Log;
  /** Takes over what a journal event means; runs inside the transaction that stores it. */
  onEvent: (sessionId: string, event: RunnerEvent, at: string) => void;
  dataDir: string;
  /** Of one backup, encrypted. */
  maxBackupBytes: number;
  /** Finds out what became of messages without an outcome; called when a session is connected, and then regularly. */
  settle: (sessionId: string) => Promise<void>;
};

/** Puts together what sessions need, from the ground up; the rooms above are reached through hooks. */
export function createSessions(deps: SessionsDeps) {
  const { db, dataDir, host, profiles, runnerToken, appendEvent, startTimeoutMs, settle, clock, log } = deps;
  const pinnedForAll = deps.whatsappVersion;

  // Made first: each is connected where its answer is made.
  const keepsBuild = createHook<(version: string) => boolean>("keepsBuild");
  const hasRoom = createHook<Admission["hasRoomForWarm"]>("hasRoom");
  const sessionsLeft = createHook<Admission["sessionsLeft"]>("sessionsLeft");
  const restartIf = createHook<SessionService["restartIf"]>("restartIf");
  const onFate = createHook<Reconciler["onFate"]>("onFate");
  const replace = createHook<Reconciler["replace"]>("replace");
  const unreachable = createHook<Reconciler["unreachable"]>("unreachable");

  const locks = createLocks();
  const backoff = createBackoff({ clock: steadyClock, random: deps.random });
  const background = createBackground(log);
  const listRunners = shareNextCall(() => host.list());
  const live = createLiveSessions();

  const store = createSessionStore({
    db,
    clock,
    appendEvent,
    onForget: deps.onForget,
    onJournalLost: deps.onJournalLost,
  });
  const warmRows = createWarmStore(db);

  const copies = createPageCopies({
    dataDir,
    isPinned: (version) => version === pinnedForAll || store.isPinned(version) || keepsBuild.call(version),
    clock,
  });
  const builds = createBuilds({
    db,
    appendEvent,
    host,
    profiles,
    listRunners,
    rows: warmRows,
    live,
    copies,
    runnerToken,
    startTimeoutMs,
    hasRoom: hasRoom.call,
    restartIf: restartIf.call,
    letGoOfBuilds: deps.letGoOfBuilds,
    pinnedForAll,
    settings: deps.canary,
    background,
    clock,
    log,
  });
  keepsBuild.connect(builds.keeps);
  const versionPins = createVersionPins({ copies, builds, pinnedForAll, background, log });

  const unread = createUnread({ db, live, clock, log });
  const connector = createConnector({
    store,
    host,
    live,
    observe: createObserver({ store, unread, log }),
    runnerToken,
    listRunners,
    onEvent: deps.onEvent,
    unread,
    onDatabaseError: deps.onDatabaseError,
    onConnected: (sessionId) => background.run(() => settle(sessionId)),
    exchangePages: versionPins.exchange,
    onFate: onFate.call,
    onLost: (sessionId, runnerId) => replace.call(sessionId, runnerId, "runner_lost"),
    onFlood: (sessionId, runnerId, detail) => replace.call(sessionId, runnerId, "runner_flooded", detail),
    onUnknown: (sessionId, runnerId) => unreachable.call(sessionId, { runnerId }),
    clock,
    log,
  });
  const reconciler = createReconciler({
    store,
    host,
    profiles,
    live,
    locks,
    connector,
    backoff,
    background,
    runnerToken,
    listRunners,
    startConcurrency: deps.startConcurrency,
    startTimeoutMs,
    versionPins,
    log,
  });
  onFate.connect(reconciler.onFate);
  replace.connect(reconciler.replace);
  unreachable.connect(reconciler.unreachable);
  const warmRunners = createWarmRunners({
    rows: warmRows,
    host,
    profiles,
    listRunners,
    runnerToken,
    // They open what is good for all.
    wanted: pinnedForAll === null ? deps.warmRunners.wanted : 0,
    maxAgeMs: deps.warmRunners.maxAgeMs,
    startTimeoutMs,
    sessionsLeft: sessionsLeft.call,
    hasRoom: hasRoom.call,
    versionForNew: builds.forFleet,
    exchangePages: versionPins.exchange,
    sessionsStarting: reconciler.starting,
    backoff,
    background,
    clock,
    log,
  });
  const admission = createAdmission({
    limits: deps.limits,
    machine: deps.machine,
    running: store.countRunning,
    starting: reconciler.starting,
    warm: warmRunners.counts,
    giveUpWarm: warmRunners.giveUp,
  });
  hasRoom.connect(admission.hasRoomForWarm);
  sessionsLeft.connect(admission.sessionsLeft);
  const recovery = createRecovery({ store, profiles, locks, listRunners, clock, log });
  const unused = createUnusedProfiles({ dataDir, profiles, profileIds: store.profileIds, log });
  const supervisor = createSupervisor({
    store,
    host,
    live,
    reconciler,
    recovery,
    warmRunners,
    background,
    listRunners,
    clearUp: unused.settleAll,
    settle,
    onRunnerRemoved: deps.onRunnerRemoved,
    clock,
    log,
  });

  const logOut = createLogout({ store, host, live, connector, runnerToken, listRunners, versionPins, log });
  const idle = createIdle({ db, defaultMinutes: deps.hibernateAfterMinutes });
  const service = createSessionService({
    store,
    live,
    locks,
    hooks: {
      reconciler,
      admission,
      warmRunners,
      logOut,
      isNeeded: idle.isNeeded,
      pinOf: versionPins.pinOf,
    },
    backoff,
    limitOf: deps.limitOf,
    defaultCountry: deps.defaultCountry,
    clock,
    log,
  });
  restartIf.connect(service.restartIf);
  const hibernation = createHibernation({ idle, live, sessions: service, background, clock, log });
  const connectedRunner = createConnectedRunner({ live, sessions: service, clock });
  const runnersOf = createRunnersOf({ host, live, listRunners });

  return {
    store,
    live,
    service,
    pageCopies: copies,
    unread,
    canary: builds.view,
    onPageTrouble: builds.onPageTrouble,
    warmRunners,
    backup: createBackup({
      store,
      live,
      reconciler,
      profiles,
      runnersOf,
      sessions: service,
      dataDir,
      maxBytes: deps.maxBackupBytes,
      clock,
      log,
    }),
    restore: createRestore({
      store,
      locks,
      reconciler,
      profiles,
      runnersOf,
      admission,
      unused,
      sessions: service,
      log,
    }),
    screenshot: createScreenshot({ live, sessions: service }),
    connectedRunner,
    addressBook: createAddressBook(connectedRunner),
    pairing: createPairing({ live, sessions: service, defaultCountry: deps.defaultCountry }),
    /** Each removes what no session has, and answers how much. Throw `runtime_unavailable`. */
    cleanup: {
      containers: () => host.removeStrays(STRAY_MS),
      profiles: () => recovery.removeUnused(),
    },
    keptProfiles: () => recovery.kept(),

    /** Why profiles' disks take nothing, as their runners say; null: all do. */
    diskTrouble(): string | null {
      const troubled = live.ids().filter((id) => (live.get(id)?.state?.diskTrouble ?? null) !== null);
      const [first] = troubled;
      if (first === undefined) return null;
      const why = live.get(first)!.state!.diskTrouble;
      return `The disk of the sessions' profiles takes nothing (${troubled.length} of them; ${first}: ${why}).`;
    },

    /** Why what runners tell cannot be stored; null: all is. */
    notTaken(): string | null {
      const troubled = live.ids().filter((id) => (live.get(id)?.notTaken ?? null) !== null);
      const [first] = troubled;
      if (first === undefined) return null;
      return `What ${troubled.length} of the runners tell cannot be stored; they keep it until it can. ${live.get(first)!.notTaken}`;
    },

    /** What failed for want of something that is there again is tried again now. */
    tryAgain(): void {
      for (const sessionId of store.ids()) {
        backoff.reset(sessionId);
        reconciler.request(sessionId);
      }
    },
    async open(): Promise<void> {
      await supervisor.open();
      hibernation.open();
      builds.open();
    },
    async close(): Promise<void> {
      builds.close();
      hibernation.close();
      await supervisor.close();
    },
  };
}
