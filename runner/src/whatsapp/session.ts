import { unlinkDetails, type PairingResult, type UnlinkOutcome } from "@whatsapp-engine/contract";
import type { Config } from "../config.ts";
import { createDeadline, within } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import type { Profile } from "../profile.ts";
import type { StateHolder } from "../runner-state.ts";
import { launchBrowser, type BrowserProcess } from "./browser.ts";
import type { PageHealth, WhatsAppClient, WhatsAppListener } from "./client.ts";
import { createLogin } from "./login.ts";
import type { Standing } from "./states.ts";
import { watchPage } from "./watchdog.ts";

/** The life of one browser and its page, from start to end. It starts once; a new start is a new runner. */
export type Session = {
  /** Resolves when a QR or a login was found, or the start came to nothing: the state says which. */
  start(): Promise<void>;
  /** The page, while messages can be sent. */
  connected(): WhatsAppClient | null;
  health(timeoutMs: number): Promise<PageHealth>;
  /** The page as PNG; `gone`: none is open, `silent`: it does not draw itself in time. */
  screenshot(timeoutMs: number): Promise<Uint8Array<ArrayBuffer> | "gone" | "silent">;
  /** The profile serves a session from now on: the time to scan a code runs. */
  claimed(): void;
  /** Asks WhatsApp for a code to type in on the phone; null: no account can be linked now. */
  pairingCode(phoneNumber: string): Promise<PairingResult | null>;
  /** Unlinks the account where WhatsApp answers, and deletes the login. Answers what is known of the link then. */
  logOut(): Promise<UnlinkOutcome>;
  /** Ends the browser at once, as a newer runner has the profile. */
  giveWay(newerGeneration: number): Promise<void>;
  /** Lets a new login settle and closes the browser. Closing twice is fine. */
  close(): Promise<void>;
};

type Deps = {
  config: Config;
  /** Whether the kernel must end the browser with the runner: so where no container does. */
  dieWithRunner: boolean;
  profile: Profile;
  state: StateHolder;
  log: Logger;
  createClient: (options: { userAgent: string; listener: WhatsAppListener }) => Promise<WhatsAppClient>;
  /** What the page says of messages; the rest is heard here. */
  messages: Pick<WhatsAppListener, "beforeSend" | "afterSend" | "ack" | "inbound">;
  /** Messages can be sent, and what was missed can be looked up. */
  onReady: (client: WhatsAppClient, linkedAt: string | null) => Promise<void>;
  /** The account is gone. */
  onUnlinked: () => void;
};

/** How long the browser gets to close in order, and WhatsApp to answer a logout. */
const CLOSE_MS = 4_000;
const LOG_OUT_MS = 4_000;
/** How long a login gets to connect, so that WhatsApp can be told that it ends. */
const REACH_MS = 10_000;
/** WhatsApp takes a pairing code for three minutes (whatsapp-web.js, `requestPairingCode`). */
const PAIRING_CODE_MS = 180_000;
/** From the login to the end of the sync, which takes minutes for an account with a long history. */
const READY_MS = 300_000;
/** A login younger than this may not be on the disk yet; longest wait for it. */
const FRESH_LOGIN_MS = 30_000;
const SETTLE_MS = 8_000;
/** Longest wait for the page to say that it was unlinked, once its socket has no account any more. */
const UNPAIRED_MS = 10_000;

type End = { standing: Standing; before?: () => Promise<unknown>; hard?: boolean; forget?: boolean };

export const createSession = (deps: Deps): Session => {
  const { config, profile, state, log } = deps;
  const starting = new AbortController();
  let launching: Promise<BrowserProcess> | undefined;
  let browser: BrowserProcess | undefined;
  let client: WhatsAppClient | undefined;
  let ending: Promise<void> | undefined;
  let linkedAt: string | null = null;
  let freshUntil = 0;
  let documents = 0;
  let networkFailure: string | null = null;
  let stopWatching = (): void => {};

  const background = (task: Promise<unknown>, failure: string): void => {
    task.catch((cause: unknown) => {
      if (ending === undefined) log.warn({ err: cause }, failure);
    });
  };

  /** Ends browser and page, once; the state is told when nothing of them is left. */
  const end = (options: End): Promise<void> => {
    ending ??= endNow(options).catch((cause: unknown) =>
      log.error({ err: cause }, "the browser was not ended in order"),
    );
    return ending;
  };
  const endNow = async ({ standing, before, hard, forget }: End): Promise<void> => {
    log.info({ status: standing.status, reason: standing.reason }, "session ends");
    for (const deadline of [startDeadline, readyDeadline, unpairedDeadline, login]) deadline.stop();
    stopWatching();
    await before?.().catch((cause: unknown) =>
      log.warn({ err: cause }, "not everything was done before the browser was closed"),
    );
    if (hard !== true && client !== undefined && browser !== undefined) {
      const asked = client.closeBrowser().then(
        () => true,
        () => false, // not connected to it yet, or not any more
      );
      if (await within(CLOSE_MS, asked)) await within(CLOSE_MS, browser.ended);
    }
    starting.abort();
    const last = await launching?.catch(() => undefined);
    await last?.kill();
    try {
      if (forget === true) await forgetLogin();
    } finally {
      state.set({ ...standing, qr: null });
    }
  };
  const forgetLogin = async (): Promise<void> => {
    await profile.deleteLogin();
    linkedAt = null;
    deps.onUnlinked();
    state.set({ account: null });
  };
  const disconnected = (reason: NonNullable<Standing["reason"]>, detail: string | null): Standing => ({
    status: "disconnected",
    reason,
    detail,
  });

  const startDeadline = createDeadline(() => {
    const network = networkFailure === null ? "" : `; the network failed, last with ${networkFailure}`;
    const detail = `Neither a QR code nor a login within ${config.startTimeoutMs / 1000} s${network}.`;
    void end({ standing: disconnected("start_timeout", detail), hard: true });
  });
  const readyDeadline = createDeadline(() => {
    const detail = `Logged in, but not ready to send within ${READY_MS / 1000} s.`;
    void end({ standing: disconnected("start_timeout", detail) });
  });
  // The page unlinks itself in steps; where the last one does not come, the login is not deleted.
  const unpairedDeadline = createDeadline(
    () =>
      void end({ standing: disconnected("logged_out", "WhatsApp has no account for this login any more.") }),
  );
  const loggedOut = (): void => {
    if (linkedAt === null) return;
    void end({ standing: disconnected("logged_out", "The phone unlinked this session."), forget: true });
  };

  const publish = (change: Parameters<StateHolder["set"]>[0]): void => {
    if (ending === undefined) state.set({ ...change, mends: [...(client?.mends ?? [])] });
  };
  const login = createLogin({
    qrTimeoutMs: config.qrTimeoutMs,
    publish,
    refreshQr: () => background(client!.refreshQr(), "WhatsApp gave no new QR code"),
    onQr: (number) => {
      startDeadline.stop();
      log.info({ number }, "QR code issued");
      if (linkedAt === null) return;
      // A login was here, and WhatsApp does not take it any more.
      linkedAt = null;
      background(profile.markLinked(null), "profile not written");
      deps.onUnlinked();
    },
    onPairingFailed: () => log.warn("WhatsApp turned a pairing down"),
    onExpired: () => void end({ standing: disconnected("qr_expired", "No code was scanned in time.") }),
    onConnected: (fresh) => {
      startDeadline.stop();
      unpairedDeadline.stop();
      if (!login.isConnected()) readyDeadline.start(READY_MS);
      if (fresh || linkedAt === null) {
        freshUntil = Date.now() + FRESH_LOGIN_MS;
        linkedAt = new Date().toISOString();
        background(profile.markLinked(linkedAt), "profile not written");
      }
      background(
        client!.account().then((account) => publish({ account })),
        "the account could not be read",
      );
    },
    onUnpaired: () => unpairedDeadline.start(UNPAIRED_MS),
  });

  const ready = async (): Promise<void> => {
    const document = documents;
    const account = await client!.account();
    if (document !== documents || ending !== undefined) return; // the page went on meanwhile, and will be ready again
    readyDeadline.stop();
    login.ready(account);
    log.info("connected");
    await deps.onReady(client!, linkedAt);
  };

  /** What a page says that is being closed is heard no more: it must not start anything again. */
  const whileLive =
    <Args extends unknown[]>(hear: (...args: Args) => void) =>
    (...args: Args): void => {
      if (ending === undefined) hear(...args);
    };
  const listener: WhatsAppListener = {
    ...deps.messages,
    socketState: whileLive(login.socketState),
    newDocument: whileLive(() => {
      documents += 1;
      readyDeadline.stop();
      login.newDocument();
    }),
    version: whileLive((whatsappVersion) => publish({ whatsappVersion })),
    qr: whileLive(login.qr),
    ready: whileLive(() => background(ready(), "the page was ready and could not be read")),
    loggedOut: whileLive(loggedOut),
    pageGone: (detail) => void end({ standing: disconnected("page_crashed", detail), hard: true }),
    requestFailed: (failure, host) => (networkFailure = `${failure} (${host})`),
    fault: whileLive((cause) => log.warn({ err: cause }, "fault in the page")),
  };

  const open = async (): Promise<void> => {
    linkedAt = await profile.linkedAt();
    if (await profile.isClaimed()) login.claimed();
    launching = launchBrowser({
      executable: config.chromiumPath,
      userDataDir: profile.userDataDir,
      extraArgs: config.browserArgs,
      uid: config.chromiumUid,
      dieWithRunner: deps.dieWithRunner,
      signal: starting.signal,
      log,
    });
    browser = await launching;
    const [created, endpoint] = await Promise.all([
      deps.createClient({ userAgent: browser.userAgent, listener }),
      browser.endpoint,
    ]);
    void browser.ended.then((how) =>
      end({ standing: disconnected("browser_gone", `Chromium ended (${how}).`), hard: true }),
    );
    client = created;
    await client.open(endpoint);
    if (ending !== undefined) return;
    stopWatching = watchPage({
      health,
      onHung: () =>
        void end({ standing: disconnected("page_hung", "The page does not answer."), hard: true }),
    });
  };

  /** Whether WhatsApp can be asked to unlink the account, now or soon; `not_linked` where it turns out that there is none. */
  const reachLogin = async (): Promise<"linked" | "not_linked" | "unreachable"> => {
    await ending; // what ends it already may delete the login
    if ((await profile.linkedAt()) === null) return "not_linked";
    const decided = () => ending !== undefined || login.isLinked() || state.get().qr !== null;
    let stop = (): void => {};
    const told = new Promise<void>((resolve) => {
      stop = state.subscribe(() => decided() && resolve());
    });
    if (!decided()) await within(REACH_MS, told);
    stop();
    if (ending !== undefined || !login.isLinked())
      return state.get().qr === null ? "unreachable" : "not_linked";
    return "linked";
  };

  const health = async (timeoutMs: number): Promise<PageHealth> => client?.answers(timeoutMs) ?? "gone";

  return {
    start: async () => {
      state.set({ status: "connecting", reason: "starting", detail: null });
      startDeadline.start(config.startTimeoutMs);
      try {
        await open();
      } catch (cause) {
        if (ending === undefined) log.error({ err: cause }, "start failed");
        const detail = cause instanceof Error ? cause.message : String(cause);
        await end({ standing: disconnected("start_failed", detail), hard: true });
      }
    },
    connected: () => (ending === undefined && login.isConnected() ? client! : null),
    health,
    screenshot: async (timeoutMs) => {
      if (ending !== undefined || client === undefined) return "gone";
      const drawn = client.screenshot().catch(() => "gone" as const);
      return (await within(timeoutMs, drawn)) ?? "silent";
    },
    claimed: login.claimed,
    pairingCode: async (phoneNumber) => {
      const canLink = () => ending === undefined && state.get().qr !== null;
      if (!canLink()) return null;
      const given = await client!.pairingCode(phoneNumber);
      if (!canLink()) return null; // linked or ended meanwhile
      if (given.outcome !== "code") return given;
      login.pairingCodeGiven(PAIRING_CODE_MS);
      return { ...given, expiresAt: new Date(Date.now() + PAIRING_CODE_MS).toISOString() };
    },
    logOut: async () => {
      const reached = await reachLogin();
      let unlinked: UnlinkOutcome = reached === "not_linked" ? "not_linked" : "not_asked";
      const standing = disconnected("logged_out", unlinkDetails[unlinked]);
      const unlink = async () => {
        unlinked = "unknown";
        standing.detail = unlinkDetails.unknown;
        const asked = client!.logOut().then(() => true);
        if ((await within(LOG_OUT_MS, asked)) !== true) return;
        unlinked = "done";
        standing.detail = unlinkDetails.done;
      };
      await end({ standing, ...(reached === "linked" && { before: unlink }) });
      await forgetLogin(); // whatever it was that ended the session
      state.set(standing);
      return unlinked;
    },
    giveWay: async (newerGeneration) => {
      const detail = `Runner number ${newerGeneration} of this profile is newer than this one, number ${config.generation}, which therefore does nothing with the profile.`;
      const standing = disconnected("stale_claim", detail);
      // Told first: what is asked of this runner from now on is the newer one's to answer.
      state.set({ ...standing, newerGeneration, qr: null });
      await end({ standing, hard: true });
      state.set(standing);
    },
    close: () => {
      const settle = async () => (Date.now() < freshUntil ? profile.settled(SETTLE_MS) : undefined);
      return end({ standing: disconnected("stopped", null), before: settle });
    },
  };
};
