import { unlinkDetails, type UnlinkOutcome } from "@whatsapp-engine/contract/api";
import type { PairingResult, WhatsAppPage } from "@whatsapp-engine/contract/runner";
import type { Config } from "../config.ts";
import { createDeadline, within, type Deadline } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import type { OomKills } from "../memory/oom-kills.ts";
import type { Relief } from "../memory/soft-mark.ts";
import type { Profile } from "../profile.ts";
import type { StateHolder } from "../runner-state.ts";
import { createBrowserLife } from "./browser-life.ts";
import type { PageHealth, WhatsAppClient, WhatsAppListener } from "./client.ts";
import type { Cause } from "./ladder.ts";
import { createMender } from "./mending.ts";
import { createPageWait, type PinnedPage } from "./pinned-page.ts";
import {
  disconnected,
  initialModel,
  isConnected,
  isLinked,
  type Effect,
  type Signal,
  type TimerName,
} from "./session-model.ts";
import { PAIRING_CODE_MS, reduce } from "./session-reducer.ts";
import type { Standing } from "./states.ts";

/** What WhatsApp's account is to this runner, from start to end. It starts once; a new start is a new runner. */
export type Session = {
  /** Resolves when a QR or a login was found, or the start came to nothing: the state says which. */
  start(): Promise<void>;
  /** The page, while messages can be sent. */
  connected(): WhatsAppClient | null;
  health(timeoutMs: number): Promise<PageHealth>;
  /** The page as PNG; `gone`: none is open, `silent`: it does not draw itself in time. */
  screenshot(timeoutMs: number): Promise<Uint8Array<ArrayBuffer> | "gone" | "silent">;
  /** The document that WhatsApp served; null: it is not known. */
  servedPage(): Promise<WhatsAppPage | null>;
  /** Hands over the copy of the version that the session is pinned to. Returns whether it was waited for. */
  givePage(html: Buffer): boolean;
  /** The profile serves a session from now on: the time to scan a code runs. */
  claimed(): void;
  /** Asks WhatsApp for a code to type in on the phone; null: no account can be linked now. */
  pairingCode(phoneNumber: string): Promise<PairingResult | null>;
  /** Unlinks the account where WhatsApp answers, and deletes the login. Returns what is known of the link then. */
  logOut(): Promise<UnlinkOutcome>;
  /** Whether the page may be opened anew: it is up, and its login is on the disk. */
  mayRelieve(): boolean;
  /** Brings memory back, by another page or another browser. */
  relieve(relief: Relief, detail: string): void;
  /** Opens another browser, on a profile without what the browser makes anew. */
  makeRoom(detail: string): void;
  /** Ends, its login kept: the profile takes more room than it may. */
  tooLarge(detail: string): void;
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
  createClient: (options: {
    userAgent: string;
    listener: WhatsAppListener;
    pinned: PinnedPage | null;
  }) => Promise<WhatsAppClient>;
  /** What the page says of messages; the rest is heard here. */
  messages: Pick<WhatsAppListener, "beforeSend" | "afterSend" | "ack" | "inbound" | "unreadable">;
  /** Messages can be sent, and what was missed can be looked up. */
  onReady: (client: WhatsAppClient, linkedAt: string | null) => Promise<void>;
  oomKills: OomKills;
  /** The account is gone. */
  onUnlinked: () => void;
};

/** How long WhatsApp gets to answer a logout. */
const LOG_OUT_MS = 4_000;
/** How long a login gets to connect, so that WhatsApp can be told that it ends. */
const REACH_MS = 10_000;
/** Longest wait for a login of just now to be on the disk. */
const SETTLE_MS = 8_000;
/** Longest wait for the disk to have the note of a login. */
const MARK_MS = 2_000;

const LOST =
  "The login of this session is gone: its profile was removed or emptied. POST /sessions/:id/start shows a code to link it again; POST /sessions/:id/restore brings a backup back.";

type End = {
  standing: Standing;
  /** Done while the page is there still. */
  before?: () => Promise<unknown>;
  hard?: boolean;
  deleteLogin?: boolean;
};

/** Causes behind which the kernel may stand. */
const isDeath = (cause: Cause): boolean => cause === "page_crashed" || cause === "browser_gone";

/** Hears what page and browser say, and does what `session-reducer.ts` makes of it. */
export const createSession = (deps: Deps): Session => {
  const { config, profile, state, log } = deps;
  let model = initialModel;
  let ending: Promise<void> | undefined;
  /** What stands of the login in the profile; it is on the disk before the runner ends. */
  let marked: Promise<unknown> = Promise.resolve();
  let networkFailure: string | null = null;
  let pinned: PinnedPage | null = null;
  /** The next browser begins without what it makes anew. */
  let withoutCaches = false;
  const mendCounts: Record<string, number> = {};
  const pageWait = createPageWait(config.whatsappVersion, (awaitsPage) => state.set({ awaitsPage }));
  const timer = (name: TimerName): Deadline => createDeadline(() => dispatch({ type: "timer", name }));
  const timers: Readonly<Record<TimerName, Deadline>> = {
    ready: timer("ready"),
    connect: timer("connect"),
    unpaired: timer("unpaired"),
    expiry: timer("expiry"),
    next_code: timer("next_code"),
  };
  const mender = createMender({
    startTimeoutMs: config.startTimeoutMs,
    log,
    whyLate: () => (networkFailure === null ? "" : `; the network failed, last with ${networkFailure}`),
    nameOf: (cause) => (isDeath(cause) && deps.oomKills.happened() ? "out_of_memory" : cause),
    onMend: (mend) => {
      const name = { page: "page_reloaded", browser: "browser_restarted" }[mend];
      mendCounts[name] = (mendCounts[name] ?? 0) + 1;
      dispatch({ type: "page_gone" });
    },
    onGiveUp: ({ cause, detail }) => void end({ standing: disconnected(cause, detail), hard: true }),
    createLife: (onTrouble) =>
      createBrowserLife({
        ...deps,
        createClient: (options) => deps.createClient({ ...options, pinned }),
        onTrouble,
        beforeLaunch: async () => {
          if (withoutCaches) await profile.clearCaches();
          withoutCaches = false;
        },
        listener: {
          ...deps.messages,
          socketState: (name) => dispatch({ type: "socket_state", name }),
          newDocument: () => dispatch({ type: "new_document" }),
          version: (whatsappVersion) => publish({ whatsappVersion }),
          qr: (code) => dispatch({ type: "code", code }),
          passkey: (asked) => dispatch({ type: "passkey", asked }),
          ready: () => dispatch({ type: "synced" }),
          loggedOut: () => dispatch({ type: "logged_out" }),
          loginInDoubt: () => dispatch({ type: "login_in_doubt" }),
          requestFailed: (failure, host) => (networkFailure = `${failure} (${host})`),
          mended: () => publish({}),
          fault: (cause) => log.warn({ err: cause }, "fault in the page"),
        },
      }),
  });

  function dispatch(signal: Signal): void {
    const reduced = reduce(model, signal, config, Date.now());
    model = reduced.model;
    for (const effect of reduced.effects) carryOut(effect);
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "publish":
        return publish(effect.change);
      case "start_timer":
        return timers[effect.name].start(effect.ms);
      case "stop_timer":
        return timers[effect.name].stop();
      case "refresh_codes":
        return background(mender.client()!.refreshQr(), "WhatsApp gave no new QR code");
      case "read_account":
        return background(readAccount(effect), "the account could not be read");
      case "page_answered":
        return mender.answered();
      case "back":
        mender.back();
        return deps.oomKills.forget();
      case "ready":
        return background(
          deps.onReady(mender.client()!, model.linkedAt),
          "the page was ready and could not be read",
        );
      case "mark_linked":
        marked = marked
          .then(() => profile.markLinked(effect.at))
          .catch((cause: unknown) => log.warn({ err: cause }, "profile not written"));
        return;
      case "unlinked":
        return deps.onUnlinked();
      case "trouble":
        return mender.trouble(effect.cause, effect.detail);
      case "end":
        return void end(effect);
      case "log":
        return log[effect.level](effect.fields ?? {}, effect.text);
    }
  }

  function background(task: Promise<unknown>, failure: string): void {
    task.catch((cause: unknown) => {
      if (ending === undefined) log.warn({ err: cause }, failure);
    });
  }

  async function readAccount({ document, synced }: Extract<Effect, { type: "read_account" }>): Promise<void> {
    const account = await mender.client()!.account();
    dispatch({ type: "account_read", account, document, synced });
  }

  function publish(change: Parameters<StateHolder["set"]>[0]): void {
    if (ending !== undefined) return;
    const mending = mender.mending();
    const why = mending !== null && change.status === "connecting";
    const shown = why ? { ...change, reason: mending.cause, detail: mending.detail } : change;
    const mends = [...(mender.client()?.mends ?? []), ...Object.keys(mendCounts)];
    const failedMends = [...(mender.client()?.failedMends ?? [])];
    state.set({ ...shown, mends, failedMends, mendCounts: { ...mendCounts } });
  }

  /** Ends browser and page, once; the state is told when nothing of them is left. */
  function end(options: End): Promise<void> {
    ending ??= endNow(options).catch((cause: unknown) =>
      log.error({ err: cause }, "the browser was not ended in order"),
    );
    dispatch({ type: "ended" });
    return ending;
  }

  async function endNow({ standing, before, hard, deleteLogin }: End): Promise<void> {
    log.info({ status: standing.status, reason: standing.reason }, "session ends");
    for (const waiting of [...Object.values(timers), mender, pageWait]) waiting.stop();
    await before?.().catch((cause: unknown) =>
      log.warn({ err: cause }, "not everything was done before the browser was closed"),
    );
    await Promise.all([mender.end({ hard: hard === true }), within(MARK_MS, marked)]);
    try {
      if (deleteLogin === true) await forgetLogin();
    } finally {
      state.set({ ...standing, qr: null });
    }
  }

  async function forgetLogin(): Promise<void> {
    await profile.deleteLogin();
    dispatch({ type: "login_deleted" });
    deps.onUnlinked();
    state.set({ account: null });
  }

  const settle = async () => (Date.now() < model.freshUntil ? profile.settled(SETTLE_MS) : undefined);

  /** Whether WhatsApp can be asked to unlink the account, now or soon; `not_linked` where it turns out that there is none. */
  async function reachLogin(): Promise<"linked" | "not_linked" | "unreachable"> {
    await ending; // what ends it already may delete the login
    // A scan of this moment may not be written down yet.
    if (model.linkedAt === null && (await profile.linkedAt()) === null) return "not_linked";
    const decided = () => ending !== undefined || isLinked(model) || state.get().qr !== null;
    let stop = (): void => {};
    const told = new Promise<void>((resolve) => {
      stop = state.subscribe(() => decided() && resolve());
    });
    if (!decided()) await within(REACH_MS, told);
    stop();
    if (ending !== undefined || !isLinked(model))
      return state.get().qr === null ? "unreachable" : "not_linked";
    return "linked";
  }

  return {
    start: async () => {
      state.set({ status: "connecting", reason: "starting", detail: null });
      // A code that nobody expects is scanned by nobody.
      if (config.expectsLogin && !(await profile.mayHoldLogin()))
        return end({ standing: disconnected("login_lost", LOST) });
      await mender.start(async () => {
        const [linkedAt, claimed] = [await profile.linkedAt(), await profile.isClaimed()];
        dispatch({ type: "profile_read", linkedAt, claimed });
        pinned = await pageWait.page();
      });
    },
    connected: () => (ending === undefined && isConnected(model) ? mender.client()! : null),
    health: async (timeoutMs) => (await mender.client()?.answers(timeoutMs)) ?? "gone",
    screenshot: async (timeoutMs) => {
      const client = mender.client();
      if (ending !== undefined || client === undefined) return "gone";
      const drawn = client.screenshot().catch(() => "gone" as const);
      return (await within(timeoutMs, drawn)) ?? "silent";
    },
    servedPage: async () => (await mender.client()?.servedPage()) ?? null,
    givePage: pageWait.give,
    claimed: () => dispatch({ type: "claimed" }),
    pairingCode: async (phoneNumber) => {
      const canLink = () => ending === undefined && state.get().qr !== null;
      if (!canLink()) return null;
      const given = await mender.client()!.pairingCode(phoneNumber);
      if (!canLink()) return null; // linked or ended meanwhile
      if (given.outcome !== "code") return given;
      dispatch({ type: "pairing_code_given" });
      return { ...given, expiresAt: new Date(Date.now() + PAIRING_CODE_MS).toISOString() };
    },
    logOut: async () => {
      const reached = await reachLogin();
      let unlinked: UnlinkOutcome = reached === "not_linked" ? "not_linked" : "not_asked";
      const standing = disconnected("logged_out", unlinkDetails[unlinked]);
      const unlink = async () => {
        unlinked = "unknown";
        standing.detail = unlinkDetails.unknown;
        const asked = mender
          .client()!
          .logOut()
          .then(() => true);
        if ((await within(LOG_OUT_MS, asked)) !== true) return;
        unlinked = "done";
        standing.detail = unlinkDetails.done;
      };
      await end({ standing, ...(reached === "linked" && { before: unlink }) });
      await forgetLogin(); // whatever it was that ended the session
      state.set(standing);
      return unlinked;
    },
    mayRelieve: () => {
      const up = isConnected(model) || state.get().qr !== null;
      return ending === undefined && up && Date.now() >= model.freshUntil;
    },
    relieve: (relief, detail) =>
      mender.trouble("memory_high", detail, relief === "browser" ? "browser" : undefined),
    makeRoom: (detail) => {
      if (withoutCaches) return; // it is under way
      withoutCaches = true;
      mender.trouble("profile_too_large", detail, "browser");
    },
    tooLarge: (detail) => void end({ standing: disconnected("profile_too_large", detail), before: settle }),
    giveWay: async (newerGeneration) => {
      const detail = `Runner number ${newerGeneration} of this profile is newer than this one, number ${config.generation}, which therefore does nothing with the profile.`;
      const standing = disconnected("superseded", detail);
      // Told first: what is asked of this runner from now on is the newer one's to answer.
      state.set({ ...standing, newerGeneration, qr: null });
      await end({ standing, hard: true });
      state.set(standing);
    },
    close: () => end({ standing: disconnected("stopped", null), before: settle }),
  };
};
