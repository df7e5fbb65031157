import type { Config } from "./config.ts";
import { createInbox } from "./inbox.ts";
import { openJournal, type Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import { createNumbers } from "./numbers.ts";
import { createProfile, type Profile } from "./profile.ts";
import { createStateHolder, type StateHolder } from "./runner-state.ts";
import { createSends, type Sends } from "./sends.ts";
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

/** Takes hold of the profile and starts the session in the background; `state` tells how it goes. */
export const createRunner = async ({ config, log, dieWithRunner }: Deps): Promise<Runner> => {
  const profile = createProfile(config.profileDir, config.chromiumUid);
  await profile.prepare();
  const journal = await openJournal({ path: profile.journalPath });
  const ending = new AbortController();

  const state = createStateHolder({
    lastSeq: () => journal.lastSeq,
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
    },
  });
  const sends = createSends({
    journal,
    log,
    connected: () => session.connected(),
    chatOf: createNumbers().chatOf,
  });
  const inbox = createInbox({ journal, log, messageIdOf: sends.idOf });
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
    messages: { ...sends, inbound: inbox.received },
    onReady: async (client, linkedAt) => {
      await Promise.all([sends.reconcile(client), inbox.sweep(client, linkedAt)]);
    },
    onUnlinked: sends.giveUp,
  });
  void session.start();

  let closed: Promise<void> | undefined;
  const closeNow = async (): Promise<void> => {
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
