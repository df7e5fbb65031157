import { setTimeout as delay } from "node:timers/promises";
import { MAX_BODY_LENGTH, type Account } from "@whatsapp-engine/contract/runner";
import type { Browser, CDPSession, Page } from "puppeteer-core";
import wwebjs from "whatsapp-web.js";
import { within } from "../deadline.ts";
import { readPageError } from "../page-errors.ts";
import {
  LIMIT_REACHED,
  NotSendable,
  RESTRICTED,
  type WhatsAppClient,
  type WhatsAppListener,
} from "./client.ts";
import { keepServed, serveCopy } from "./page-copy.ts";
import type { PinnedPage } from "./pinned-page.ts";
import { openPageChannel, type PageChannel } from "./page-channel.ts";
import { readFound } from "./page-reports.ts";
import { lookAt } from "./page/actions.ts";
import { readContacts, readGroups } from "./page/address-book.ts";
import { mendDownloads } from "./page/downloads.ts";
import { dropFile, installFiles } from "./page/files.ts";
import { hearInbound, inboundSince, installInbound, noticeTypes } from "./page/inbound.ts";
import { installEngine, mendMessageKeys, watchMessages } from "./page/messages.ts";
import { findMessages, knowsChat, logOut, readAccount, refreshQr, stopMoreCodes } from "./page/queries.ts";
import { noteRefusals } from "./page/refusals.ts";
import { gateSends } from "./page/send-gate.ts";
import {
  answerWindow,
  isLoaded,
  pageVersion,
  repeatEndOfSync,
  unusedHandlers,
  watchLogin,
  watchPasskey,
  watchSocket,
} from "./page/watch.ts";
import { createActions } from "./wwebjs-actions.ts";
import { toLibrary } from "./wwebjs-content.ts";

const { Client, LocalAuth } = wwebjs;

type Options = {
  /** LocalAuth's folder; the browser's own profile is `session` in it. */
  dataPath: string;
  userAgent: string;
  /** Longest wait for WhatsApp Web's scripts after the page has loaded. */
  loadTimeoutMs: number;
  listener: WhatsAppListener;
  /** Opened in place of what WhatsApp serves. */
  pinned: PinnedPage | null;
  /** Runs `use` with the bytes as a file that Chromium may read. */
  withFile: (bytes: Buffer, use: (path: string) => Promise<void>) => Promise<void>;
};

/** What the library keeps to itself and we must reach into. */
type Internals = {
  inject(): Promise<void>;
  attachEventListeners(): Promise<void>;
  initWebVersionCache(): Promise<void>;
};
const OpenClient = Client as unknown as new (options: wwebjs.ClientOptions) => wwebjs.Client & Internals;

/**
 * The library's client with its two inner steps made safe: `inject` runs once per document, one at a time,
 * and again where the page navigated under it; `attachEventListeners` runs once per document, after our mends.
 */
class MendedClient extends OpenClient {
  readonly mends = new Set<string>();
  readonly failedMends = new Set<string>();
  channel: PageChannel | undefined;
  served: ReturnType<typeof keepServed> | undefined;
  readonly #options: Options;
  #starting = true;
  #injected: Promise<void> = Promise.resolve();
  #attached: Promise<void> | undefined;
  #syncHeard = false;
  #abandoned = false;

  constructor(options: Options, browserEndpoint: string) {
    const auth = new LocalAuth({ dataPath: options.dataPath });
    // The library deletes the profile under the live browser; the runner does it once the browser is closed.
    auth.logout = () => Promise.resolve();
    // The first thing that the library's handler for the end of the sync asks for.
    auth.getAuthEventPayload = async () => {
      this.#syncHeard = true;
    };
    auth.afterBrowserInitialized = () => this.#preparePage();
    super({
      authStrategy: auth,
      puppeteer: { browserWSEndpoint: browserEndpoint, defaultViewport: null },
      userAgent: options.userAgent,
      authTimeoutMs: options.loadTimeoutMs,
      webVersionCache: { type: "none" },
    });
    this.#options = options;
  }

  get page(): Page {
    return this.pupPage as unknown as Page;
  }

  /** Closes the page, without it being taken for one that crashed. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    if (!this.pupPage) return;
    const browser = this.pupBrowser as unknown as Browser;
    await this.page.close();
    await browser.disconnect();
  }

  override async initialize(): Promise<void> {
    await super.initialize();
    this.#starting = false;
  }

  override inject(): Promise<void> {
    const run = this.#injected.then(() => this.#injectDocument());
    this.#injected = run.catch(() => undefined);
    // Later the library calls it where nobody would catch what it throws.
    return this.#starting ? run : run.catch((cause: unknown) => this.#options.listener.fault(cause));
  }

  async #injectDocument(): Promise<void> {
    for (;;) {
      try {
        return await this.#injectOnce();
      } catch (cause) {
        if (this.page.isClosed() || !isNavigation(cause)) throw cause;
      }
    }
  }

  async #injectOnce(): Promise<void> {
    const { page } = this;
    await page.waitForFunction(isLoaded, { polling: 20, timeout: this.#options.loadTimeoutMs });
    await this.#checkPin();
    const version = await page.evaluate(watchSocket, unusedHandlers);
    if (version === null) return;
    await page.evaluate(watchPasskey);
    await page.evaluate(answerWindow, MAX_WINDOWS);
    this.served?.isOf(version);
    this.#options.listener.version(version);
    await super.inject();
    const synced = await page.evaluate(watchLogin);
    if (!synced || this.#syncHeard) return;
    this.mends.add("lost_ready");
    await page.evaluate(repeatEndOfSync);
  }

  /** Whatever served the document, a worker of WhatsApp's too: another version is never gone on with. */
  async #checkPin(): Promise<void> {
    const { pinned, listener } = this.#options;
    if (pinned === null) return;
    const version = await this.page.evaluate(pageVersion);
    if (version === pinned.version) return;
    const wrong = `The session is pinned to WhatsApp Web ${pinned.version}, but what was opened says that it is ${version}; the copy may have the wrong name.`;
    if (!this.#starting) listener.pageGone(wrong);
    throw new Error(wrong);
  }

  /** Called by the library right before it opens WhatsApp Web; what it would do here itself slows every request down. */
  override async initWebVersionCache(): Promise<void> {
    const { pinned } = this.#options;
    if (pinned === null) this.served = keepServed(this.page);
    else await serveCopy(this.page, pinned);
  }

  override attachEventListeners(): Promise<void> {
    this.#attached ??= this.#attach().catch((cause: unknown) => {
      this.#options.listener.fault(cause); // the library would lose it in the page
      throw cause;
    });
    return this.#attached;
  }

  async #attach(): Promise<void> {
    if (await this.page.evaluate(mendMessageKeys)) this.mends.add("message_key_text");
    await this.page.evaluate(installEngine);
    await this.page.evaluate(noteRefusals, MAX_REFUSALS, RESTRICTED, LIMIT_REACHED);
    await this.page.evaluate(installInbound, noticeTypes, MAX_BODY_LENGTH);
    await this.page.evaluate(hearInbound);
    await this.page.evaluate(gateSends, QUEUED_MS, BOTH_WITHIN_MS);
    await this.page.evaluate(mendDownloads, MAX_FILE_TYPES, MAX_FAILED_DOWNLOADS);
    await this.page.evaluate(installFiles);
    await this.channel!.openFileInput();
    await super.attachEventListeners();
    await this.page.evaluate(watchMessages);
    // Only a start is told why the network failed. Afterwards each request would cost five reports that nobody reads.
    await devTools(this.page).send("Network.disable");
  }

  /** Called by the library between making the page and opening WhatsApp Web in it. */
  async #preparePage(): Promise<void> {
    if (this.#abandoned) await this.abandon(); // what follows fails with it
    const { page } = this;
    const { listener } = this.#options;
    if (page.listenerCount("error") > 0) return; // the library calls this again after a logout
    const gone = (detail: string) => {
      if (!this.#abandoned) listener.pageGone(detail);
    };
    page.on("error", (cause) => gone(cause.message));
    page.on("close", () => gone("The page was closed."));
    page.on("framenavigated", (frame) => {
      if (frame !== page.mainFrame()) return;
      this.#attached = undefined;
      this.#syncHeard = false;
      if (frame.url().includes("post_logout=1")) listener.loginInDoubt();
      listener.newDocument();
    });
    page.on("requestfailed", (request) => {
      const failure = request.failure()?.errorText ?? "";
      // Pages give up requests of their own, and so does one that is closed.
      if (failure.startsWith("net::") && failure !== "net::ERR_ABORTED")
        listener.requestFailed(failure, new URL(request.url()).host);
    });
    this.channel = await openPageChannel(page, listener, (name, failed) => this.mended(name, failed));
  }

  mended(name: string, failed = false): void {
    const known = failed ? this.failedMends : this.mends;
    if (known.has(name) || known.size >= MAX_MENDS) return;
    known.add(name);
    this.#options.listener.mended();
  }
}

/** The session through which puppeteer itself drives the page; it keeps it to itself. */
const devTools = (page: Page): CDPSession => (page as unknown as { _client(): CDPSession })._client();

/** The page went to another document while a script ran in it. */
const isNavigation = (cause: unknown): boolean =>
  cause instanceof Error && /context was destroyed|Cannot find context|navigated/i.test(cause.message);

/** The library's words where the page has no message of the id that is to be answered. */
const isQuoteUnknown = (cause: unknown): boolean =>
  cause instanceof Error && cause.message.includes("Could not get the quoted message");

const quoteUnknown = (cause?: unknown): NotSendable =>
  new NotSendable("WhatsApp does not know the message that quotedId names, so nothing was sent.", { cause });

const isNetworkFailure = (cause: unknown): boolean =>
  cause instanceof Error && cause.message.includes("net::ERR_");

/** A message without an ack after this time is said to be in WhatsApp's queue. */
const QUEUED_MS = 200;
/** Of a send that failed: longest wait for its other promise to fail too. */
const BOTH_WITHIN_MS = 1_000;
/** Messages that were read from the page's disk, of which the file's type is remembered. */
const MAX_FILE_TYPES = 100;
/** Files in a row that came by no way, after which the mend of downloads counts as one that does not help. */
const MAX_FAILED_DOWNLOADS = 3;
/** Mends that are told by name; there are some ten. */
const MAX_MENDS = 50;
/** Windows over one document that are answered. */
const MAX_WINDOWS = 20;
/** Refused messages whose code is remembered. */
const MAX_REFUSALS = 1_000;
/** Pause before WhatsApp Web is opened again after the network failed. */
const REOPEN_MS = 300;

/** How long WhatsApp gets to give a pairing code. */
const PAIRING_MS = 8_000;

/** Has the library read what it reads when its first client is made: later it asks for no file of its packages. */
export const readLibrary = (): void => void new wwebjs.Client({});

/** The one place that knows whatsapp-web.js. */
export const createWhatsAppClient = (options: Options): WhatsAppClient => {
  const { listener } = options;
  let client: MendedClient | undefined;
  let closed = false;

  const page = (): Page => {
    if (client?.pupPage === undefined || client.page.isClosed())
      throw new Error("The page of WhatsApp Web is gone.");
    return client.page;
  };

  const openOnce = async (endpoint: string): Promise<void> => {
    if (closed) throw new Error("The page was closed before it was opened.");
    client = new MendedClient(options, endpoint);
    client.on("qr", (code: string) => listener.qr(code));
    client.on("ready", () => listener.ready());
    await client.initialize();
  };

  /** The id under which the page holds the message that is to be answered. */
  const quotable = async (key: string): Promise<string> => {
    const target = await page().evaluate(lookAt, key);
    if (target === null) throw quoteUnknown();
    if (target.canReply && !target.deleted) return target.key;
    throw new NotSendable("The message that quotedId names cannot be answered, so nothing was sent.");
  };

  /** Hands the page a file and, at the same time, the call that waits there for it. */
  const withFileInPage = async (bytes: Buffer, name: string, run: () => Promise<unknown>): Promise<void> => {
    const { page: holder, channel } = client!;
    let running: Promise<unknown> | undefined;
    try {
      await options
        .withFile(bytes, (path) => {
          const put = channel!.putFile(path, name);
          running = run();
          return put;
        })
        .catch((cause: Error) => {
          running?.catch(() => undefined); // without its file it comes to nothing
          throw new NotSendable(`The file could not be handed to the browser: ${cause.message}`, { cause });
        });
      await running;
    } finally {
      holder.evaluate(dropFile, name).catch(() => undefined); // a page that is gone holds nothing
    }
  };

  return {
    ...createActions(() => ({ page: page(), client: client! })),
    get mends() {
      return [...(client?.mends ?? [])];
    },
    get failedMends() {
      return [...(client?.failedMends ?? [])];
    },
    open: async (endpoint) => {
      // Chromium breaks off its requests when a network interface of its host comes or goes.
      for (;;) {
        try {
          return await openOnce(endpoint);
        } catch (cause) {
          if (!isNetworkFailure(cause)) throw cause;
          listener.fault(cause);
          await client?.abandon();
          await delay(REOPEN_MS);
        }
      }
    },
    checkNumber: async (digits) => {
      page();
      const wid = await client!.getNumberId(digits);
      return { exists: wid !== null, chatId: wid?._serialized ?? null };
    },
    send: async (message) => {
      page();
      const { ref, chatId, content, media } = message;
      // The library takes what it does not find in the page for base64, which has no colon.
      const fileName = `file:${ref}`;
      const { body, options: how } = toLibrary(message, fileName);
      const quotedMessageId = content?.quotedId && (await quotable(content.quotedId));
      const send = async () => {
        try {
          await client!.sendMessage(chatId, body, { ...how, ...(quotedMessageId && { quotedMessageId }) });
        } catch (cause) {
          throw isQuoteUnknown(cause) ? quoteUnknown(cause) : cause; // deleted since it was looked at
        }
      };
      await (media === null ? send() : withFileInPage(media.bytes, fileName, send));
    },
    knowsChat: (chatId) => page().evaluate(knowsChat, chatId, noticeTypes),
    findMessages: async (keys) => readFound(await page().evaluate(findMessages, keys)),
    inboundSince: (unixSeconds) => page().evaluate(inboundSince, unixSeconds),
    contacts: (from, count) => page().evaluate(readContacts, from, count),
    groups: (from, count) => page().evaluate(readGroups, from, count),
    account: async () => toAccount(await page().evaluate(readAccount)),
    pairingCode: async (phoneNumber) => {
      const holder = page();
      try {
        const code = await within(PAIRING_MS, client!.requestPairingCode(phoneNumber));
        return code === undefined ? { outcome: "unknown" } : { outcome: "code", code };
      } catch (cause) {
        return { outcome: "refused", detail: readPageError(cause) };
      } finally {
        holder.evaluate(stopMoreCodes).catch(() => undefined); // with the page go its timers
      }
    },
    refreshQr: async () => {
      if (await page().evaluate(refreshQr)) client!.mended("new_codes");
    },
    logOut: () => page().evaluate(logOut),
    screenshot: async () => new Uint8Array(await page().screenshot({ type: "png" })),
    servedPage: async () => (await client?.served?.page()) ?? null,
    answers: async (timeoutMs) => {
      if (client?.pupPage === undefined || client.page.isClosed() || !client.pupBrowser!.connected)
        return "gone";
      const answer = client.page.evaluate(() => true).catch(() => false);
      return (await within(timeoutMs, answer)) === true ? "answering" : "silent";
    },
    closePage: async () => {
      closed = true;
      await client?.abandon();
    },
    closeBrowser: async () => {
      if (!client?.pupBrowser) throw new Error("There is no connection to the browser.");
      await client.pupBrowser.close();
    },
  };
};

const toAccount = ({
  pn,
  lid,
  pushName,
}: {
  pn: string | null;
  lid: string | null;
  pushName: string | null;
}): Account => ({
  phoneNumber: pn?.match(/^\d+/)?.[0] ?? null,
  lid: lid?.replace(/:\d+@/, "@") ?? null,
  pushName,
});
