import type { Config } from "../config.ts";
import { within } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import type { Profile } from "../profile.ts";
import { clearProfile, launchBrowser, type BrowserProcess } from "./browser.ts";
import type { WhatsAppClient, WhatsAppListener } from "./client.ts";
import type { Cause } from "./ladder.ts";
import { watchPage } from "./watchdog.ts";

/** One browser, from its start to its end, and the page that is open in it: one at a time. */
export type BrowserLife = {
  /** The page that is there or is being opened. */
  client(): WhatsAppClient | undefined;
  /** Whether a page can be opened in it. */
  runs(): boolean;
  /** Opens WhatsApp Web, in a browser that is started for the first page. Resolves when a QR or a login was found. */
  openPage(): Promise<void>;
  /** Hears no more of the page: what it says while it is being closed must not start anything again. */
  mute(): void;
  /** Closes the page, whatever state it is in. Rejects where it stays. */
  closePage(): Promise<void>;
  /** Ends the browser and all that it started; in order first, unless `hard`. */
  end(options: { hard: boolean }): Promise<void>;
};

export type BrowserLifeDeps = {
  config: Config;
  /** Whether the kernel must end the browser with the runner: so where no container does. */
  dieWithRunner: boolean;
  profile: Profile;
  log: Logger;
  createClient: (options: { userAgent: string; listener: WhatsAppListener }) => Promise<WhatsAppClient>;
  /** Hears of the page that is open; of one that is being closed nothing any more. */
  listener: Omit<WhatsAppListener, "pageGone">;
  /** No browser runs on the profile then. */
  beforeLaunch: () => Promise<void>;
  /** The page or the browser is of no use any more. */
  onTrouble: (cause: Cause, detail: string) => void;
};

/** How long the browser gets to close in order, and a page to be gone. */
const CLOSE_MS = 4_000;
const CLOSE_PAGE_MS = 5_000;

export const createBrowserLife = (deps: BrowserLifeDeps): BrowserLife => {
  const { config, profile, log } = deps;
  const starting = new AbortController();
  let launching: Promise<BrowserProcess> | undefined;
  let browser: BrowserProcess | undefined;
  let page: { client?: WhatsAppClient; live: boolean; stopWatching: () => void } | undefined;
  /** The newest there was: it may still reach the browser when its page is closed. */
  let client: WhatsAppClient | undefined;
  let over = false;

  const trouble = (cause: Cause, detail: string): void => {
    if (!over) deps.onTrouble(cause, detail);
  };

  const launch = async (): Promise<BrowserProcess> => {
    const launched = await launchBrowser({
      executable: config.chromiumPath,
      userDataDir: profile.userDataDir,
      extraArgs: config.browserArgs,
      dieWithRunner: deps.dieWithRunner,
      async prepare() {
        // Two on one profile spoil its login; their locks are worth nothing once they are cleared.
        const ended = await clearProfile(profile.userDataDir);
        if (ended > 0) log.warn({ ended }, "processes of another browser on the profile were ended");
        await profile.clearLocks();
        await deps.beforeLaunch();
      },
      signal: starting.signal,
      log,
    });
    browser = launched;
    return launched;
  };

  const listen = (heard: { live: boolean }): WhatsAppListener => {
    const whileLive =
      <Args extends unknown[]>(hear: (...args: Args) => void) =>
      (...args: Args): void => {
        if (heard.live) hear(...args);
      };
    const { listener } = deps;
    return {
      // What became of messages is true whatever becomes of the page.
      ...listener,
      beforeSend: (ref, key) =>
        heard.live ? listener.beforeSend(ref, key) : Promise.reject(new Error("This page is being closed.")),
      socketState: whileLive(listener.socketState),
      newDocument: whileLive(listener.newDocument),
      version: whileLive(listener.version),
      qr: whileLive(listener.qr),
      passkey: whileLive(listener.passkey),
      ready: whileLive(listener.ready),
      loggedOut: whileLive(listener.loggedOut),
      loginInDoubt: whileLive(listener.loginInDoubt),
      fault: whileLive(listener.fault),
      mended: whileLive(listener.mended),
      requestFailed: whileLive(listener.requestFailed),
      pageGone: whileLive((detail) => trouble("page_crashed", detail)),
    };
  };

  const mute = (): void => {
    if (page === undefined) return;
    page.live = false;
    page.stopWatching();
  };

  return {
    client: () => page?.client,
    runs: () => browser !== undefined && !over,
    openPage: async () => {
      const mine: NonNullable<typeof page> = { live: true, stopWatching: () => undefined };
      page = mine;
      const { userAgent, endpoint, ended } = await (launching ??= launch());
      const [created, address] = await Promise.all([
        deps.createClient({ userAgent, listener: listen(mine) }),
        endpoint,
      ]);
      void ended.then((how) => {
        if (!mine.live) return;
        browser = undefined;
        trouble("browser_gone", `Chromium ended (${how}).`);
      });
      if (!mine.live) throw new Error("The page was closed before it was opened.");
      mine.client = client = created;
      await created.open(address);
      if (!mine.live) return;
      mine.stopWatching = watchPage({
        health: created.answers,
        onHung: () => trouble("page_hung", "The page does not answer."),
      });
    },
    mute,
    closePage: async () => {
      mute();
      const last = page?.client;
      page = undefined;
      if (last === undefined) throw new Error("The page was not open yet.");
      const closed = last.closePage().then(() => true);
      if ((await within(CLOSE_PAGE_MS, closed)) !== true) throw new Error("The page cannot be closed.");
    },
    end: async ({ hard }) => {
      over = true;
      mute();
      if (!hard && client !== undefined && browser !== undefined) {
        const asked = client.closeBrowser().then(
          () => true,
          () => false, // not connected to it yet, or not any more
        );
        if (await within(CLOSE_MS, asked)) await within(CLOSE_MS, browser.ended);
      }
      starting.abort();
      const launched = await launching?.catch(() => undefined);
      await launched?.kill();
    },
  };
};
