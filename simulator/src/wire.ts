import type { Build, Ways } from "./builds.ts";

/*
 * What page and server say to each other over one WebSocket. The page calls (`Calls`) and gets one answer each;
 * the server pushes (`Push`). Both sides are ours: WhatsApp's own protocol is not imitated.
 */

/** Written into the page, so that its scripts know it before they connect. */
export type PageConfig = { build: Build; version: string; ways: Ways };

/** Public halves that stand in a QR code, base64. */
export type DeviceKeys = { staticKey: string; identityKey: string; advSecret: string; platform: string };

/** What a linked browser keeps in its profile. */
export type Credentials = { deviceId: string; secret: string };

export type Me = { pn: string; lid: string; pushName: string };

/** `self`: in the chat with oneself. */
export type MessageKey = {
  fromMe: boolean;
  remote: string;
  id: string;
  participant?: string;
  self?: "in" | "out";
};

export type WireMedia = {
  directPath: string;
  mimetype: string;
  filename?: string;
  size: number;
  filehash: string;
};

/** What a message holds besides text and media, under the names that the page has for it. */
export type WireContent = {
  quotedStanzaID?: string;
  quotedParticipant?: string;
  mentionedJidList?: string[];
  lat?: number;
  lng?: number;
  /** Name and address, a line each. */
  loc?: string;
  pollName?: string;
  pollOptions?: { name: string; localId: number }[];
  /** 0: as many as there are. */
  pollSelectableOptionsCount?: number;
  vcardList?: { displayName: string; vcard: string }[];
  vcardFormattedName?: string;
  isVideoCall?: boolean;
};

export type WireReaction = {
  /** Of the reaction itself. */
  key: MessageKey;
  from: string;
  /** Empty: taken back. */
  emoji: string;
  /** Unix time in milliseconds. */
  at: number;
};

export type WireMessage = {
  key: MessageKey;
  from: string;
  to: string;
  author?: string;
  notifyName?: string;
  type: string;
  body: string;
  caption?: string;
  /** Unix time in seconds */
  t: number;
  ack: number;
  media?: WireMedia;
  content?: WireContent;
  /** When it was last edited, Unix time in milliseconds. */
  editedAt?: number;
  /** Deleted for everyone: when, in Unix time, and the key it had before; its type is `revoked` then. */
  revoked?: { at: number; key: MessageKey };
  /** The newest of each person. */
  reactions?: WireReaction[];
  /** Attributes of the page's message that take the place of all others but its id; null: missing. */
  odd?: Record<string, unknown>;
};

/** What the account may not do, as far as the page is told. */
export type WireLimits = {
  /** End of the time in which it may not write to people it does not know, Unix time in milliseconds. */
  lockedUntil: number | null;
  /** End of the month in which it wrote to as many new people as it may, Unix time in seconds. */
  cappedUntil: number | null;
};

export type WireGroup = {
  subject: string;
  participants: string[];
  announce: boolean;
  description?: string;
  /** Of the participants. */
  admins?: string[];
};

/** Somebody in the phone's address book (with a name of its own), or whom the page knows otherwise. */
export type WireContact = { id: string; name: string | null; pushname: string | null };

export type WireChat = {
  id: string;
  name: string;
  unreadCount: number;
  t: number;
  group?: WireGroup;
  /** The newest messages, oldest first. */
  messages: WireMessage[];
};

/** A number as the directory knows it; `chat` is the id its chat stands under. */
export type Listing = { pn: string; lid: string; chat: string; group?: WireGroup };

/** What the page must do with a message that it was told to send. */
export type Verdict = {
  /**
   * `answer`: as usual. `omit`: answer before the message stands in the collection. `throw`: the call fails. `strand`: it fails, but
   * not the sending. `hang`: it never answers.
   */
  answer: "answer" | "omit" | "throw" | "strand" | "hang";
  /** The chat id that the message stands under; the sibling of the asked one where the account is set so. */
  remote: string;
  /** Whether the message is added to the page's collection. */
  added: boolean;
};

export type Calls = {
  hello: [{ keys: DeviceKeys; credentials: Credentials | null }, void];
  /** Everything that wants to hear of the end of sync is attached. */
  listening: [Record<string, never>, void];
  refreshQr: [Record<string, never>, void];
  pairingCode: [{ phoneNumber: string }, string];
  logout: [Record<string, never>, void];
  takeover: [Record<string, never>, void];
  send: [WireMessage, Verdict];
  find: [{ id: string }, Listing | null];
  messages: [{ keys: string[] }, WireMessage[]];
  earlier: [{ chat: string; before: string | null }, WireMessage[]];
  seen: [{ chat: string }, void];
  /** The button of the window over a page that was just linked. */
  windowAnswered: [Record<string, never>, void];
  /** These three answer whether the server took it. */
  react: [{ key: string; emoji: string }, boolean];
  edit: [{ key: string; text: string; at: number }, boolean];
  revoke: [{ key: string }, boolean];
  reached: [{ mark: number }, void];
  /** On this account's side alone. */
  forget: [{ key: string }, void];
};
export type CallName = keyof Calls;
export type Call = { id: number; call: CallName; input: unknown };
export type Answer = { answer: number; output?: unknown; error?: string };

export type Push =
  | { push: "state"; state?: string; ref?: string; synced?: boolean }
  /** Pairing worked: what to keep in the profile. */
  | { push: "linked"; credentials: Credentials }
  | {
      push: "account";
      me: Me;
      chats: WireChat[];
      people: Listing[];
      limits: WireLimits;
      contacts: WireContact[];
    }
  /** What the account's phone has besides, from now on. */
  | { push: "book"; chats: WireChat[]; contacts: WireContact[]; people: Listing[] }
  /** `people`: who is named in it, as far as they are on WhatsApp. */
  | { push: "message"; message: WireMessage; chat: WireChat; people: Listing[] }
  /** A message is not any more what it was; `key`: the one it had. */
  | { push: "changed"; key: string; message: WireMessage }
  | { push: "reaction"; key: string; reaction: WireReaction; people: Listing[] }
  | { push: "call"; id: string; peerJid: string; isVideo: boolean; isGroup: boolean; people: Listing[] }
  /** `error`: the code by which the server refused it. */
  | { push: "ack"; key: string; ack: number; error?: number }
  | { push: "limits"; limits: WireLimits }
  /** The phone ended the login: the page leaves and comes up again without it. */
  | { push: "logout" }
  /** The phone asks its owner for a passkey, or has it. */
  | { push: "passkey"; asked: boolean }
  /** A window over the page says what is new, until its button is pressed. */
  | { push: "whatsNew" }
  /** The page says when it has come to this: all that was said before is done. */
  | { push: "mark"; mark: number }
  | { push: "reload" }
  /** The login in the profile is void. */
  | { push: "forget" }
  /** The page's storage fails: it leaves as after a logout, with its login (or without, where `wiped`). */
  | { push: "failStorage"; wiped: boolean }
  | { push: "hang"; milliseconds: number }
  | { push: "crash" };

/** A key's text as WhatsApp Web writes it: `true_6281234567890@c.us_3EB0…`. */
export const keyText = ({ fromMe, remote, id, participant, self }: MessageKey): string =>
  [fromMe, remote, id, participant, self].filter((part) => part !== undefined).join("_");
