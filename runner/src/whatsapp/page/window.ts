import type { FoundMessage } from "../client.ts";

/*
 * What our page scripts use of WhatsApp Web. The scripts of this folder are sent to the page as text
 * (`page.evaluate`), so each is complete in itself and imports nothing but types.
 */

/** What the page tells the runner, through `window.tellEngine`. */
export type PageReport =
  | { type: "socket"; state: string }
  | { type: "logout" }
  | { type: "before_send"; ref: string; key: string }
  | { type: "after_send"; ref: string; found: FoundMessage | null; failure: string | null }
  | { type: "ack"; message: FoundMessage };

type Emitter = { on(event: string, listener: (...args: never[]) => void): unknown };

/** A model's events come with the model first. */
type Collection<Model> = {
  on(event: string, listener: (model: Model) => void): unknown;
  get(id: string): Model | undefined;
  getModelsArray(): Model[];
};

type Wid = { _serialized: string };

/** Its text is `_serialized`, or since build 2.3000.1042401057 `$1`; both through `toString`. */
export type MsgKey = { id: string; fromMe: boolean; remote: Wid; toString(): string };

type Msg = {
  id: MsgKey;
  ack?: number;
  t?: number;
  type: string;
  body?: string;
  caption?: string;
  from?: Wid;
  directPath?: string;
};

type OutgoingModel = { id: MsgKey; engineRef?: string };
type AddAndSend = (chat: unknown, message: OutgoingModel) => [Promise<unknown>, Promise<unknown>];

type Modules = {
  WAWebSocketModel: { Socket: Emitter & { state: string; hasSynced?: boolean; logout(): Promise<unknown> } };
  WAWebCmd: { Cmd: Emitter & { refreshQR(): void } };
  WAWebConnModel: { Conn: { pushname?: string } };
  WAWebUserPrefsMeUser: {
    getMaybeMePnUser(): Wid | null | undefined;
    getMaybeMeLidUser(): Wid | null | undefined;
  };
  WAWebMsgKey: { prototype: object };
  WAWebSendMsgChatAction: { addAndSendMsgToChat: AddAndSend };
  WAWebCollections: {
    Msg: Collection<Msg> & {
      getMessagesById(keys: string[]): Promise<{ messages?: (Msg | undefined)[] } | undefined>;
    };
    Chat: Collection<{ lastReceivedKey?: MsgKey }>;
  };
  WAWebWidFactory: { createWid(id: string): Wid };
  WAWebApiContact: { getAlternateUserWid(wid: Wid): Wid | null | undefined };
};

/** Our own functions in the page, made once per document. */
export type PageEngine = {
  tell(report: PageReport): void;
  /** The runner's answer to `before_send`: null lets the message pass. */
  decide(ref: string, refusal: string | null): void;
  decision(ref: string): Promise<void>;
  describe(message: Msg): FoundMessage;
  /** The message as the page holds it now, under this id or under its sibling's; or from its database. */
  find(key: string): Promise<FoundMessage | null>;
  /** By short id: messages that passed the gate, until the runner knows what became of them. */
  inHand: Map<string, "sending" | "acked" | "missing">;
};

export type PageWindow = {
  require<Name extends keyof Modules>(name: Name): Modules[Name];
  Debug?: { VERSION?: string };
  WWebJS?: object;
  engine?: PageEngine;
  /** Takes a `PageReport` as JSON; nothing is answered. */
  tellEngine(report: string): void;
  onAppStateHasSyncedEvent(): Promise<void>;
  onAddMessageEvent(message: { id: { fromMe: boolean } }): Promise<void> | undefined;
  [handler: string]: unknown;
};
