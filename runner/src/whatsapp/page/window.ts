import type { InboundEvent } from "@whatsapp-engine/contract/runner";
import type { FoundMessage } from "../client.ts";
import type { PageReport } from "../page-reports.ts";

/*
 * What our page scripts use of WhatsApp Web. The scripts of this folder are sent to the page as text
 * (`page.evaluate`), so each is complete in itself and imports nothing but types.
 */

type Emitter = { on(event: string, listener: (...args: never[]) => void): unknown };

/** A model's events come with the model first. */
type Collection<Model> = {
  on(event: string, listener: (model: Model) => void): unknown;
  off(event: string, listener: (model: Model) => void): unknown;
  get(id: string): Model | undefined;
  getModelsArray(): Model[];
};

type Wid = { _serialized: string };
/** Where WhatsApp Web holds a wid, what the library hands on may be its text. */
export type Id = Wid | string;

/** Its text is `_serialized`, or since build 2.3000.1042401057 `$1`; both through `toString`. */
export type MsgKey = { id: string; fromMe: boolean; remote: Wid; toString(): string };

/** A message of the page, or what the library makes of one to hand it on: then its key is a plain object. */
export type Msg = {
  id: MsgKey & { _serialized?: string; participant?: Id };
  ack?: number;
  /** Unix time in seconds, of WhatsApp's server. */
  t?: number;
  type: string;
  body?: string | null;
  caption?: string | null;
  from?: Id | null;
  author?: Id | null;
  notifyName?: string | null;
  directPath?: string | null;
  mimetype?: string | null;
  filename?: string | null;
  quotedStanzaID?: string | null;
  quotedParticipant?: Id | null;
  loc?: string | null;
  lat?: number | null;
  lng?: number | null;
  pollName?: string | null;
  vcardList?: { vcard: string }[] | null;
  hasReaction?: boolean;
  isVideoCall?: boolean;
  isSendFailure?: boolean;
  errorCode?: number | null;
  /** When it was last edited, by its writer's clock; null: never. */
  latestEditSenderTimestampMs?: number | null;
  revokeTimestamp?: number | null;
  /** Of a revoked message, which gets an id of its own: the id it had. */
  protocolMessageKey?: (MsgKey & { _serialized?: string }) | null;
};

/** As the page's table of reactions is told of one. */
export type TableReaction = {
  reactionParentKey: MsgKey | string;
  author?: Id | null;
  from?: Id | null;
  reactionText?: string | null;
  reactionTimestamp: number;
};
/** As the page's collection of reactions shows one. */
type ShownReaction = {
  parentMsgKey: MsgKey | string;
  senderUserJid: Id;
  reactionText: string;
  /** Unix time in milliseconds. */
  timestamp: number;
};
export type Call = { id: string; peerJid: Id; isVideo?: boolean; isGroup?: boolean; outgoing?: boolean };

type Chat = {
  id: Wid;
  t?: number;
  lastReceivedKey?: MsgKey;
  msgs: { getModelsArray(): Msg[] };
  name?: string | null;
  groupMetadata?: { serialize(): GroupMetadata } | null;
};

type Contact = { id: Id; name?: string | null; pushname?: string | null };
type GroupMetadata = {
  subject?: string | null;
  desc?: string | null;
  participants?: { id: Id; isAdmin?: boolean; isSuperAdmin?: boolean }[] | null;
};
type GroupMetadataCollection = { update(id: Wid): Promise<unknown> };

/** What the library wants of a file that is to be sent; `data` is base64, or the name of one that `engine.files` holds. */
type MediaInfo = { data: string; mimetype: string; filename: string };
export type OutgoingFile = {
  bytes: Promise<Uint8Array<ArrayBuffer>>;
  here: (bytes: Uint8Array<ArrayBuffer>) => void;
  failed: (cause: unknown) => void;
};
export type FileInput = { type: string; value: string; readonly files: ArrayLike<Blob> | null };

type OutgoingModel = { id: MsgKey; __x_id?: unknown; engineRef?: string };
/** What a file is downloaded by. */
type WantedFile = { directPath?: string; mimetype?: string };

type AddAndSend = (chat: unknown, message: OutgoingModel) => [Promise<unknown>, Promise<unknown>];

type Modules = {
  WAWebSocketModel: { Socket: Emitter & { state: string; hasSynced?: boolean; logout(): Promise<unknown> } };
  WAWebCmd: { Cmd: Emitter & { refreshQR?(): unknown } };
  WAWebLaunchSocketUtils: { refreshQR(): unknown };
  WAWebConnModel: { Conn: { pushname?: string } };
  WAWebUserPrefsMeUser: {
    getMaybeMePnUser(): Wid | null | undefined;
    getMaybeMeLidUser(): Wid | null | undefined;
  };
  WAWebMsgKey: { prototype: object };
  WAWebSendMsgJob: {
    encryptAndSendMsg(
      record: { data?: { id?: MsgKey } },
      ...rest: unknown[]
    ): Promise<{ error?: number | string | null } | null | undefined>;
  };
  /** Ends in Unix milliseconds here, in Unix seconds below. */
  WAWebUserPrefsIndexedDBStorage: {
    userPrefsIdb: { get(key: string): { time_enforcement_ends?: number } | null | undefined };
  };
  WAWebReachoutTimelockUtils: { REACHOUT_TIMELOCK_IDB_KEY: string };
  WAWebIndividualNewChatMessageCappingLimitUtils: {
    getCappingData(): { cycle_end_timestamp?: number } | null | undefined;
  };
  WAWebErrorType: { SendFailureErrorCode: { UserReachedMaxMonthlyLimitForNewMessages?: unknown } };
  WAWebSendMsgChatAction: { addAndSendMsgToChat: AddAndSend };
  WAWebCollections: {
    Msg: Collection<Msg> & {
      getMessagesById(keys: string[]): Promise<{ messages?: (Msg | undefined)[] } | undefined>;
    };
    Chat: Collection<Chat>;
    Contact: Collection<Contact>;
    /** By either name. */
    GroupMetadata?: GroupMetadataCollection;
    WAWebGroupMetadataCollection?: GroupMetadataCollection;
    Reactions: {
      find(
        key: string,
      ): Promise<{ reactions: { serialize(): { senders: ShownReaction[] }[] } } | null | undefined>;
    };
  };
  WAWebDownloadManager: {
    downloadManager: { downloadAndMaybeDecrypt(wanted: WantedFile): Promise<unknown> };
  };
  WAWebWidFactory: { createWid(id: string): Wid };
  WAWebApiContact: {
    getAlternateUserWid(wid: Wid): Wid | null | undefined;
    getPhoneNumber(wid: Wid): Wid | null | undefined;
  };
  WAWebFrontendContactGetters: { getIsMyContact(contact: Contact): boolean };
  WAWebChatLoadMessages: { loadEarlierMsgs(options: { chat: Chat }): Promise<unknown[] | undefined> };
  WAWebMsgReply: { canReplyMsg(message: Msg): boolean };
  WAWebMsgActionCapability: {
    canSenderRevokeMsg(message: Msg): boolean;
    canAdminRevokeMsg(message: Msg): boolean;
    canEditText(message: Msg): boolean;
    canEditCaption(message: Msg): boolean;
  };
};

/** Our own functions in the page, made once per document. */
export type PageEngine = {
  tell(report: PageReport): void;
  /** The runner's answer to `before_send`: null lets the message pass. */
  decide(ref: string, refusal: string | null): void;
  decision(ref: string): Promise<void>;
  /** A person's, group's or list's id without the number of the device. */
  idOf(id: Id | null | undefined): string | null;
  /** Whether the id is one of the account's own. */
  isMe(id: string | null): boolean;
  /** Digits of a person's number, where WhatsApp tells it. */
  phoneNumberOf(id: string): string | null;
  describe(message: Msg): FoundMessage;
  /** What is known of why WhatsApp's server refused a message; null where it did not. */
  refusalOf(message: Msg): FoundMessage["refusal"];
  /** The message as the page holds it now, under this id or under its sibling's; or from its database. */
  model(key: string): Promise<Msg | null>;
  find(key: string): Promise<FoundMessage | null>;
  /**
   * What came in, in the runner's words; null for what is none of its business. An entry in a chat may also say that
   * a message was revoked, or that somebody called.
   */
  received(message: Msg): InboundEvent | null;
  edited(message: Msg): InboundEvent | null;
  revoked(message: Msg): InboundEvent | null;
  reacted(parent: MsgKey | string, who: Id, emoji: string, unixMs: number): InboundEvent | null;
  called(call: Call, unixMs: number): InboundEvent | null;
  /** By short id: messages that passed the gate, until the runner knows what became of them. */
  inHand: Map<string, "sending" | "acked" | "missing">;
  /** By name: files that the library has not taken yet, on their way into the page or there. */
  files: Map<string, OutgoingFile>;
  /** The file of this name, which may come later. */
  fileNamed(name: string): OutgoingFile;
};

type PageElement = {
  readonly textContent: string | null;
  querySelector(selector: string): object | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  click(): void;
};

export type PageWindow = {
  require<Name extends keyof Modules>(name: Name): Modules[Name];
  Debug?: { VERSION?: string };
  WWebJS?: {
    getMessageModel(message: Msg): unknown;
    mediaInfoToFile(info: MediaInfo): File;
    sendMessage(chat: unknown, content: unknown, options: { media?: MediaInfo }): Promise<unknown>;
  };
  document: {
    createElement(tag: "input"): FileInput;
    querySelector(selector: string): object | null;
    querySelectorAll(selector: string): Iterable<PageElement>;
    documentElement: object;
  };
  MutationObserver: new (changed: () => void) => {
    observe(root: object, what: { childList: true; subtree: true }): void;
    disconnect(): void;
  };
  engine?: PageEngine;
  /** Takes a `PageReport` as JSON; nothing is answered. */
  tellEngine(report: string): void;
  onAppStateHasSyncedEvent(): Promise<void>;
  /** The library's, once it was asked for a pairing code. */
  codeInterval?: number;
  [handler: string]: unknown;
};
