import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/** Whether WhatsApp Web's own scripts are there. */
export const isLoaded = (): boolean => window.Debug?.VERSION !== undefined;

/**
 * Once per document, before the library looks at it: tells the socket's state as it changes, and puts empty
 * functions where the library would expose handlers that we do without. Among these is the one that closes the
 * browser on every state outside a list of four, and the one that runs page code in Node when the codes run out.
 * Answers WhatsApp Web's version, or null if this document is watched already.
 */
export const watchSocket = (unused: readonly string[]): string | null => {
  if (window.engineWatches === true) return null;
  window.engineWatches = true;
  for (const name of unused) window[name] = () => undefined;

  const { Socket } = window.require("WAWebSocketModel");
  const tellState = () => {
    void window.tellEngine({
      type: "socket",
      state: String(Socket.state),
      synced: Socket.hasSynced === true,
    });
  };
  Socket.on("change:state", tellState);
  Socket.on("change:hasSynced", tellState);
  tellState();
  return String(window.Debug?.VERSION);
};

/** Handlers of the library that nobody listens to. Not exposing them also saves a round trip per event. */
export const unusedHandlers = [
  "onAppStateChangedEvent",
  "onAuthAppStateChangedEvent",
  "onOfflineProgressUpdateEvent",
  "onLogoutEvent",
  "onChangeMessageTypeEvent",
  "onChangeMessageEvent",
  "onRemoveMessageEvent",
  "onMessageAckEvent",
  "onChatUnreadCountEvent",
  "onMessageMediaUploadedEvent",
  "onBatteryStateChangedEvent",
  "onIncomingCall",
  "onReaction",
  "onRemoveChatEvent",
  "onArchiveChatEvent",
  "onEditMessageEvent",
  "onAddMessageCiphertextEvent",
  "onCiphertextFailedEvent",
  "onPollVoteEvent",
] as const;

/**
 * Once the library has looked at the document: tells when WhatsApp unlinks this device. And the end of the sync may
 * have come before the library listened to it: then its handler is called here, once. Answers whether it was.
 */
export const watchLogin = (): boolean => {
  const { Cmd } = window.require("WAWebCmd");
  const tellLogout = () => void window.tellEngine({ type: "logout" });
  Cmd.on("logout", tellLogout);
  Cmd.on("logout_from_bridge", tellLogout);

  const { Socket } = window.require("WAWebSocketModel");
  const lost = Socket.hasSynced === true && window.WWebJS === undefined;
  if (lost) void window.onAppStateHasSyncedEvent();
  return lost;
};
