import type { PageReport } from "../page-reports.ts";
import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/** Whether WhatsApp Web's own scripts are there. */
export const isLoaded = (): boolean => window.Debug?.VERSION !== undefined;

export const pageVersion = (): string => String(window.Debug?.VERSION);

/**
 * Once per document, before the library looks at it: tells the socket's state as it changes, and puts empty
 * functions where the library would expose handlers that we do without. Among these is the one that closes the
 * browser on every state outside a list of four, and the one that runs page code in Node when the codes run out.
 * Returns WhatsApp Web's version, or null if this document is watched already.
 */
export const watchSocket = (unused: readonly string[]): string | null => {
  if (window.engineWatches === true) return null;
  window.engineWatches = true;
  for (const name of unused) window[name] = () => undefined;

  const { Socket } = window.require("WAWebSocketModel");
  const tellState = () => {
    const report: PageReport = { type: "socket", state: String(Socket.state) };
    window.tellEngine(JSON.stringify(report));
  };
  Socket.on("change:state", tellState);
  tellState();
  return String(window.Debug?.VERSION);
};

/** Handlers of the library that nobody listens to. Not exposing them also saves a round trip per event. */
export const unusedHandlers = [
  "onAppStateChangedEvent",
  "onAuthAppStateChangedEvent",
  "onOfflineProgressUpdateEvent",
  "onLogoutEvent",
  "onChangeMessageEvent",
  "onRemoveMessageEvent",
  "onMessageAckEvent",
  "onChatUnreadCountEvent",
  "onMessageMediaUploadedEvent",
  "onBatteryStateChangedEvent",
  "onRemoveChatEvent",
  "onArchiveChatEvent",
  "onAddMessageCiphertextEvent",
  "onCiphertextFailedEvent",
  "onPollVoteEvent",
] as const;

/** Once the library has looked at the document: tells when WhatsApp unlinks this device. Returns whether it has synced. */
export const watchLogin = (): boolean => {
  const { Cmd } = window.require("WAWebCmd");
  const tellLogout = () => window.tellEngine(JSON.stringify({ type: "logout" } satisfies PageReport));
  Cmd.on("logout", tellLogout);
  Cmd.on("logout_from_bridge", tellLogout);
  return window.require("WAWebSocketModel").Socket.hasSynced === true;
};

/**
 * Tells when WhatsApp Web shows that the phone's owner must give a passkey before it is linked, and when no more; since 30
 * June 2026 for some accounts. It is the screen that is looked for: what the socket says meanwhile is not known.
 */
export const watchPasskey = (): void => {
  const SCREEN = '[data-testid="shortcake_passkey_screen"]';
  let told = false;
  const look = () => {
    const asked = window.document.querySelector(SCREEN) !== null;
    if (asked === told) return;
    told = asked;
    window.tellEngine(JSON.stringify({ type: "passkey", asked } satisfies PageReport));
  };
  const watch = new window.MutationObserver(look);
  watch.observe(window.document.documentElement, { childList: true, subtree: true });
  // Of an account that is linked no passkey is asked, and a page that is used changes all the time.
  const { Socket } = window.require("WAWebSocketModel");
  Socket.on("change:state", () => {
    look();
    if (Socket.state === "CONNECTED") watch.disconnect();
  });
  look();
};

/**
 * Answers a window over the page that has nothing but a button to go on, as WhatsApp Web shows since July 2026 to a browser
 * that was just linked: some accounts are unlinked, and some never get ready, where nobody presses it. A window that asks
 * something has two buttons or a field, and is left alone.
 */
export const answerWindow = (most: number): void => {
  const { Socket } = window.require("WAWebSocketModel");
  let answered = 0;
  const answer = () => {
    // One that stays, whoever presses its button, is not for us to close.
    if (Socket.state !== "CONNECTED" || answered >= most) return;
    for (const dialog of window.document.querySelectorAll('[role="dialog"]')) {
      if (dialog.querySelector("input, textarea, select, [contenteditable]") !== null) continue;
      // One that closes it has a sign and no text.
      const [goOn, another] = [...dialog.querySelectorAll('button, [role="button"]')].filter(
        ({ textContent }) => textContent?.trim(),
      );
      if (goOn === undefined || another !== undefined) continue;
      answered += 1;
      goOn.click();
      window.tellEngine(JSON.stringify({ type: "mend", name: "window_answered" } satisfies PageReport));
    }
  };
  new window.MutationObserver(answer).observe(window.document.documentElement, {
    childList: true,
    subtree: true,
  });
  Socket.on("change:state", answer);
  answer();
};

/** Tells the library of the end of a sync that was over before it listened. */
export const repeatEndOfSync = (): void => void window.onAppStateHasSyncedEvent();
