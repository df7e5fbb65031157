import { newestBuild, type Build, type Ways } from "./builds.ts";

export type Settings = {
  /** Which WhatsApp Web the pages are that load from now on. */
  build: Build;
  /** As they call themselves, where they are a build that has no name here; null: as that build does. */
  version: string | null;
  /** A version that is let in no more, whatever login its page has. */
  refusedVersion: string | null;
  /** What they do otherwise than that build. */
  ways: Partial<Ways>;
  delays: {
    /** From a scan to the linked account. */
    pairingMs: number;
    /** From the linked account, once everything listens, to the end of sync. */
    syncMs: number;
    /** From the page's send until the server takes the message. */
    takeMs: number;
    /** From taking a message to its first ack. */
    ackMs: number;
    /** Looking a number up. */
    findMs: number;
  };
  /** WhatsApp shows its first code for 60 s, later ones for 20 s, and stops after some. */
  qr: { firstMs: number; nextMs: number; codes: number };
  /** Sync ends at once, before the library listens (wwebjs#3785). */
  readyLost: boolean;
  /**
   * `chat`: chats stand under LIDs, and nobody can be written to whose LID the page was not told before. `sibling`: chats stand
   * under numbers, messages sent there under the LID.
   */
  lids: "off" | "chat" | "sibling";
  /** What becomes of messages without an ack when the browser comes up again. */
  queueAfterRestart: "send" | "lose" | "keep";
  /** Whether a number that was not named is on WhatsApp. */
  registeredByDefault: boolean;
  uploadsFail: boolean;
  /** Whether a phone that scans or enters a code asks its owner for a passkey first; the state of the page's socket until then. */
  passkey: "no" | "PAIRING" | "UNPAIRED";
  /** The page shows that screen before its socket tells of the scan, and not after. */
  passkeyFirst: boolean;
  /**
   * What WhatsApp Web does to an account that was just linked: a window over the page with a button to go on (since July), and after a while
   * (null: never) a reload of the page by itself. The reports differ in why some are unlinked at the reload; here it is an open
   * window, and a status chat that was read.
   */
  afterLinking: { window: boolean; reloadMs: number | null };
  /** What the server does with a reaction, an edit, a deletion, a logout or the wish for a pairing code: takes it, turns it down, or never answers. */
  actions: "take" | "refuse" | "silence";
};

type Changes<T> = { [K in keyof T]?: T[K] extends object ? Partial<T[K]> : T[K] };
export type SettingsChanges = Changes<Settings>;

export const defaultSettings = (build: Build = newestBuild): Settings => ({
  build,
  version: null,
  refusedVersion: null,
  ways: {},
  delays: { pairingMs: 0, syncMs: 0, takeMs: 0, ackMs: 0, findMs: 0 },
  qr: { firstMs: 60_000, nextMs: 20_000, codes: 6 },
  readyLost: false,
  lids: "off",
  queueAfterRestart: "send",
  registeredByDefault: true,
  uploadsFail: false,
  passkey: "no",
  passkeyFirst: false,
  afterLinking: { window: build !== "spring-2026", reloadMs: null },
  actions: "take",
});

export const applySettings = (
  settings: Settings,
  { delays, qr, afterLinking, ...rest }: SettingsChanges,
): void => {
  Object.assign(settings, rest);
  Object.assign(settings.delays, delays);
  Object.assign(settings.qr, qr);
  Object.assign(settings.afterLinking, afterLinking);
};
