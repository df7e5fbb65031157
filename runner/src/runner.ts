import type { Config } from "./config.ts";
import { claimProfile, confirmClaim, watchProfile } from "./generation.ts";
import { keepHealthFile } from "./health-file.ts";
import { createInbox } from "./inbox.ts";
import { openJournal, type Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import { createOomKills } from "./memory/oom-kills.ts";
import { watchMemory } from "./memory/soft-mark.ts";
import { containerMemoryMb, processTreeMemoryMb } from "./memory/usage.ts";
import { createNumbers } from "./numbers.ts";
import { createProfile, type Profile } from "./profile.ts";
import { watchProfileSize } from "./profile-size.ts";
import { createStateHolder, type StateHolder } from "./runner-state.ts";
import { createSends, type Sends } from "./sends.ts";
import { openUnread } from "./unread.ts";
import { createSession, type Session } from "./whatsapp/session.ts";
import { libraryVersion } from "./whatsapp/library-version.ts";

/** All parts of a runner, put together; HTTP stands before it. */
export type Runner = {
  readonly log: Logger;
  readonly state: StateHolder;
  readonly sends: Sends;
  readonly session: Session;
  readonly profile: Profile;
  readonly journal: Journal;
  /** Aborts when the runner begins to end. */
  readonly ending: AbortSignal;
  /** Closes browser and journal. Closing twice is fine. */
  close(): Promise<void>;
};

type Deps = { config: Config; log: Logger; dieWithRunner: boolean };

/**
 * Takes hold of the profile and starts the session in the background; `state` tells how it goes. Where the profile has a
 * newer runner already, this one touches nothing and does nothing but say so.
 */
export const createRunner = async ({ config, log, dieWithRunner }: Deps): Promise<Runner> => {
  const { profileDir } = config;
  const mine = { generation: config.generation, runnerId: config.runnerId };
  const newer = await claimProfile(profileDir, mine);
  const profile = createProfile(profileDir);
  if (newer === null) await profile.prepare();
  const unread = await openUnread({ path: newer === null ? profile.unreadPath : null, log });
  const journal = await openJournal({
    path: newer === null ? profile.journalPath : null,
    confirm: () => confirmClaim(profileDir, mine),
    keepAside: (why, line) => unread.keep("journal", why, line),
  });
  const ending = new AbortController();

  const state = createStateHolder({
    counts: () => ({
      lastSeq: journal.lastSeq,
      unreadLines: unread.count,
      unreadAt: unread.lastAt,
      diskTrouble: journal.trouble,
    }),
    initial: {
      runnerId: config.runnerId,
      profileId: config.profileId,
      status: "connecting",
      reason: "starting",
      detail: null,
      qr: null,
      account: null,
      whatsappVersion: null,
      libraryVersion,
      mends: [],
      failedMends: [],
      mendCounts: {},
      newerGeneration: null,
      awaitsPage: null,
    },
  });
  const stopHealth =
    config.healthFile === null ? () => {} : keepHealthFile(config.healthFile, { state, log });
  unread.onGrown(state.tell);
  journal.onTrouble(() => {
    if (journal.trouble === null) log.info("the profile's disk takes what is written again");
    else log.error({ why: journal.trouble }, "the profile's disk takes nothing; tried again every second");
    state.tell();
  });
  const numbers = createNumbers();
  const sends = createSends({
    journal,
    log,
    connected: () => session.connected(),
    chatOf: numbers.chatOf,
  });
  const inbox = createInbox({ journal, log, unread, messageIdOf: sends.idOf });
  const oomKills = createOomKills();
  const session: Session = createSession({
    config,
    dieWithRunner,
    profile,
    state,
    log,
    // Loading the library takes a third of a second; Chromium starts meanwhile.
    createClient: async (options) => {
      const { createWhatsAppClient } = await import("./whatsapp/wwebjs.ts");
      return createWhatsAppClient({
        ...options,
        dataPath: profile.browserDir,
        loadTimeoutMs: config.startTimeoutMs,
        withFile: profile.withFile,
      });
    },
    oomKills,
    messages: {
      ...sends,
      beforeSend: async (ref, key) => {
        await sends.beforeSend(ref, key);
        // After the key is on the disk: a runner that claims the profile later than this finds it there.
        await confirmClaim(profileDir, mine);
      },
      inbound: inbox.received,
      unreadable: (why, text) => unread.keep("page", why, text),
    },
    onReady: async (client, linkedAt) => {
      numbers.forget();
      await Promise.all([sends.reconcile(client), inbox.sweep(client, linkedAt)]);
    },
    onUnlinked: sends.giveUp,
  });
  const giveWay = async (generation: number): Promise<void> => {
    log.warn({ generation: config.generation, newer: generation }, "a newer runner has the profile");
    await session.giveWay(generation);
    sends.release();
    await journal.close();
  };
  let stopWatching = (): void => {};
  if (newer !== null) void giveWay(newer);
  else {
    stopWatching = watchProfile({
      dir: profileDir,
      mine,
      log,
      onNewer: (generation) => void giveWay(generation),
    });
    void session.start();
  }
  const stopLooking = watchMemory({
    softMb: config.memorySoftMb,
    // In a container everything is the runner's; without one only what it started.
    measure: dieWithRunner ? () => processTreeMemoryMb(process.pid) : containerMemoryMb,
    busy: () => sends.underWay() || !session.mayRelieve(),
    relieve: session.relieve,
    onLook: oomKills.note,
  });

  const stopMeasuring =
    newer !== null
      ? () => {}
      : watchProfileSize({
          dir: profileDir,
          maxMb: config.profileMaxMb,
          busy: () => sends.underWay() || !session.mayRelieve(),
          makeRoom: session.makeRoom,
          tooLarge: session.tooLarge,
          log,
        });

  let closed: Promise<void> | undefined;
  const closeNow = async (): Promise<void> => {
    stopWatching();
    stopLooking();
    stopMeasuring();
    stopHealth();
    await session.close();
    sends.release();
    ending.abort();
    await journal.close();
  };
  return {
    log,
    state,
    sends,
    session,
    profile,
    journal,
    ending: ending.signal,
    close: () => (closed ??= closeNow()),
  };
};
