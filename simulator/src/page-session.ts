import { randomBytes, randomUUID } from "node:crypto";
import { shownLimits, type Account, type Accounts, type Phone } from "./accounts.ts";
import { pause } from "./clock.ts";
import type { Settings } from "./settings.ts";
import type { Build } from "./builds.ts";
import type { Credentials, DeviceKeys, Listing, Push } from "./wire.ts";

type Deps = {
  settings: Settings;
  accounts: Accounts;
  /** Who these ids are, as far as they are on WhatsApp. */
  people: (ids: readonly string[]) => Listing[];
  /** A page came up with a login, or got one; its account's history is not with it yet. */
  onLogin: (page: PageSession, account: Account) => void;
  /** What WhatsApp Web does once its connection stands, or stands again. */
  onConnected: (page: PageSession, reason: "start" | "restore") => void;
};

export type PageInfo = {
  pageId: string;
  build: Build;
  version: string;
  state: string;
  account: string | null;
  qr: string | null;
};

/** A page that hangs, or was killed, is not waited for. */
const SILENT_MS = 1_000;

/** One browser page: its connection's state, its codes, its login. */
export const createPageSession = (
  { build, version }: { build: Build; version: string },
  push: (push: Push) => void,
  { settings, accounts, people, onLogin, onConnected }: Deps,
) => {
  const id = randomUUID();
  let keys: DeviceKeys | undefined;
  let account: Account | undefined;
  let deviceId: string | undefined;
  let state = "OPENING";
  let ref: string | undefined;
  let codes = 0;
  let rotation: NodeJS.Timeout | undefined;
  let pairing: { code: string; phoneNumber: string } | undefined;
  /** What could not reach the page while its connection was down. */
  let missed: Push[] = [];
  let heard = () => {};
  const listening = new Promise<void>((resolve) => {
    heard = resolve;
  });
  /** Who waits until the page has come to a mark. */
  const marks = new Map<number, () => void>();
  let marked = 0;
  let synced = false;
  let passkeyGiven: (() => void) | undefined;
  let reload: NodeJS.Timeout | undefined;
  /** What a page that was just linked is unlinked for. */
  const omissions = new Set<"window open" | "status read">();

  const qr = () =>
    state === "UNPAIRED" && ref !== undefined && keys
      ? [ref, keys.staticKey, keys.identityKey, keys.advSecret, keys.platform].join(",")
      : null;

  const setState = (name: string) => {
    const back = state !== "CONNECTED" && name === "CONNECTED" && account !== undefined;
    state = name;
    push({ push: "state", state });
    if (!back) return;
    const waited = missed;
    missed = [];
    waited.forEach(push);
    if (synced) onConnected(page, "restore");
  };

  const nextCode = () => {
    clearTimeout(rotation);
    if (codes >= settings.qr.codes) {
      ref = undefined;
      return setState("UNPAIRED_IDLE");
    }
    codes++;
    ref = `2@${randomBytes(66).toString("base64")}`;
    push({ push: "state", ref });
    rotation = setTimeout(nextCode, codes === 1 ? settings.qr.firstMs : settings.qr.nextMs).unref();
  };

  const firstCode = () => {
    codes = 0;
    nextCode();
  };

  const sync = async () => {
    if (!settings.readyLost) await listening;
    if (settings.delays.syncMs > 0) await pause(settings.delays.syncMs);
    synced = true;
    push({ push: "state", synced });
    if (state === "CONNECTED") onConnected(page, "start");
  };

  const enter = (entered: Account, device: string) => {
    account = entered;
    deviceId = device;
    onLogin(page, account);
    const chats = account.history.chats();
    const contacts = [...account.contacts.values()];
    const named = chats.flatMap(({ id, group, messages }) => [
      id,
      ...(group?.participants ?? []),
      ...messages.map(({ from }) => from),
    ]);
    const known = people([...named, ...contacts.map(({ id }) => id)]);
    push({ push: "account", me: account.me, chats, people: known, limits: shownLimits(account), contacts });
    setState("CONNECTED");
    void sync();
  };

  const startPairing = async () => {
    clearTimeout(rotation);
    const { passkey } = settings;
    const ask = () => push({ push: "passkey", asked: true });
    if (passkey !== "no" && settings.passkeyFirst) ask();
    setState("PAIRING");
    await pause(settings.delays.pairingMs);
    if (passkey === "no") return;
    setState(passkey);
    if (!settings.passkeyFirst) ask();
    await new Promise<void>((resolve) => (passkeyGiven = resolve));
    passkeyGiven = undefined;
    push({ push: "passkey", asked: false });
  };

  /** What follows the first login of an account. */
  const welcome = () => {
    const { window: shown, reloadMs } = settings.afterLinking;
    if (shown) omissions.add("window open");
    if (shown) push({ push: "whatsNew" });
    if (reloadMs === null) return;
    reload = setTimeout(() => {
      if (omissions.size > 0) page.endLogin(true);
      else push({ push: "reload" });
    }, reloadMs).unref();
  };

  const page = {
    id,
    qr,
    account: () => account,
    deviceId: () => deviceId,
    connected: () => state === "CONNECTED",
    /** Whether this code is the one the page shows to the account of this number. */
    takesPairingCode: (code: string, phoneNumber: string) =>
      state === "UNPAIRED" && pairing?.code === code && pairing.phoneNumber === phoneNumber,
    setState,
    nextCode,

    info: (): PageInfo => ({
      pageId: id,
      build,
      version,
      state,
      account: account?.phoneNumber ?? null,
      qr: qr(),
    }),

    hello: (device: DeviceKeys, credentials: Credentials | null) => {
      keys = device;
      if (version === settings.refusedVersion) return setState("DEPRECATED_VERSION");
      const known = credentials && accounts.login(credentials);
      if (known) return enter(known, credentials.deviceId);
      if (credentials) push({ push: "forget" });
      firstCode();
      setState("UNPAIRED");
    },
    listening: () => heard(),

    refreshQr: () => {
      if (!state.startsWith("UNPAIRED")) return;
      if (state === "UNPAIRED_IDLE") setState("UNPAIRED");
      firstCode();
    },
    requestPairingCode: (phoneNumber: string) => {
      const code = randomBytes(4).toString("hex").toUpperCase();
      pairing = { code, phoneNumber };
      return code;
    },

    /** The phone took the code: UNPAIRED, PAIRING, CONNECTED. */
    pair: async (phone: Phone) => {
      await startPairing();
      const { account: linked, credentials } = accounts.link(phone);
      push({ push: "linked", credentials });
      enter(linked, credentials.deviceId);
      welcome();
      return linked;
    },
    /** The phone's owner gives the passkey that is asked for. */
    givePasskey: () => {
      if (!passkeyGiven) throw new Error("No passkey is asked for.");
      passkeyGiven();
    },
    /** The phone took the code, but linking failed: back to UNPAIRED with a new code. */
    failPairing: async () => {
      await startPairing();
      setState("UNPAIRED");
      firstCode();
    },

    /** Tells what happened to the account; later, if the connection is down. */
    tell: (what: Push) => {
      if (state === "CONNECTED") push(what);
      else missed.push(what);
    },
    /** Says it at once, whatever the connection's state. */
    push,
    /** Resolves when the page has done all that it was told so far; after a moment where it is silent. */
    caughtUp: async (): Promise<void> => {
      const mark = ++marked;
      await new Promise<void>((resolve) => {
        const silent = setTimeout(resolve, SILENT_MS).unref();
        marks.set(mark, () => (clearTimeout(silent), resolve()));
        push({ push: "mark", mark });
      });
      marks.delete(mark);
    },
    reached: (mark: number) => marks.get(mark)?.(),

    /** The login ends at the server; the page is told only where it did not ask for it itself. */
    endLogin: (tell: boolean) => {
      if (deviceId !== undefined) account?.devices.delete(deviceId);
      account = undefined;
      if (tell) push({ push: "logout" });
    },
    windowAnswered: () => void omissions.delete("window open"),
    chatRead: (chat: string) => {
      if (chat === "status@broadcast") omissions.add("status read");
    },
    close: () => {
      clearTimeout(rotation);
      clearTimeout(reload);
      for (const gone of marks.values()) gone();
    },
  };
  return page;
};
export type PageSession = ReturnType<typeof createPageSession>;
