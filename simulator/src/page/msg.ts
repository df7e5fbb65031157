import type { Ways } from "../builds.ts";
import { keyText, type WireContent, type WireMessage, type WireReaction } from "../wire.ts";
import type { Link } from "./link.ts";
import { Collection, Model } from "./model.ts";
import { keyFromWire, type MsgKey } from "./msg-key.ts";
import { createWid, type Wid } from "./wid.ts";

/** What a message keeps of everything it is made from; these cross to Node. */
const fields = [
  "id", "type", "subtype", "body", "caption", "filename", "mimetype", "size", "t", "ack", "from", "to", "author", "notifyName",
  "self", "isNewMsg", "isForwarded", "star", "directPath", "filehash", "encFilehash", "mediaKey", "mediaKeyTimestamp",
  "deprecatedMms3Url", "clientUrl", "uploadhash", "isGif", "isViewOnce", "mentionedJidList", "groupMentions", "quotedMsg",
  "quotedStanzaID", "quotedParticipant", "lat", "lng", "loc", "pollName", "pollOptions", "pollSelectableOptionsCount",
  "vcardList", "vcardFormattedName", "isVideoCall", "hasReaction", "isSendFailure", "errorCode", "latestEditMsgKey", "latestEditSenderTimestampMs",
  "revokeTimestamp", "protocolMessageKey",
] as const; // prettier-ignore

type Attributes = {
  id: MsgKey;
  type: string;
  body: string | undefined;
  t: number;
  ack: number;
  from: Wid;
  to: Wid;
  isNewMsg: boolean;
} & Partial<
  Record<
    Exclude<(typeof fields)[number], "id" | "type" | "body" | "t" | "ack" | "from" | "to" | "isNewMsg">,
    unknown
  >
>;

export class Msg extends Model<Attributes> {
  declare id: MsgKey;
  declare type: string;
  declare body: string | undefined;
  declare caption: string | undefined;
  declare filename: string | undefined;
  declare mimetype: string | undefined;
  declare size: number | undefined;
  declare directPath: string | undefined;
  declare filehash: string | undefined;
  declare author: Wid | undefined;
  declare notifyName: string | undefined;
  declare t: number;
  declare ack: number;
  declare from: Wid;
  declare to: Wid;
  declare isNewMsg: boolean;
  declare isSendFailure: boolean | undefined;
  declare errorCode: number | undefined;

  constructor(given: Attributes & { __x_id?: unknown }) {
    // WhatsApp Web keeps an attribute `id` under this name: given, it is the id.
    if ("__x_id" in given && !given.__x_id)
      throw new Error(
        "Data passed to getter must include an id property, or a id with an _serialized property",
      );
    const kept = fields.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]);
    super(Object.fromEntries(kept) as Attributes);
  }

  get mediaObject(): object | undefined {
    return this.directPath === undefined ? undefined : { filehash: this.filehash, size: this.size };
  }
  get mediaData(): { mediaStage: string; type: string } | undefined {
    return this.directPath === undefined ? undefined : { mediaStage: "RESOLVED", type: this.type };
  }
  get isNotification(): boolean {
    return false;
  }
  async downloadMedia(): Promise<void> {}

  updateAck(ack: number): void {
    this.set({ ack });
  }
  unsafe(): this {
    return this;
  }
  canReply(): boolean {
    return true;
  }
  msgContextInfo(): Record<string, unknown> {
    return {
      quotedMsg: { type: this.type, body: this.body },
      quotedStanzaID: this.id.id,
      quotedParticipant: this.author ?? this.from,
    };
  }
}

class Messages extends Collection<Msg> {
  readonly #fetch: (keys: string[]) => Promise<Msg[]>;
  get modelClass() {
    return Msg;
  }

  constructor(fetch: (keys: string[]) => Promise<Msg[]>) {
    super();
    this.#fetch = fetch;
  }

  /** From the collection, else from the history that the account keeps. */
  async getMessagesById(ids: unknown[]): Promise<{ messages: Msg[] }> {
    // What IndexedDB says where a key has lost the name of its text (wwebjs#201869).
    if (ids.includes(undefined)) throw new DOMException("No key or key range specified.", "DataError");
    const missing = ids.map(String).filter((id) => !this.get(id));
    const fetched = missing.length > 0 ? await this.#fetch(missing) : [];
    return { messages: [...ids.flatMap((id) => this.get(id) ?? []), ...fetched] };
  }

  async search(text: string): Promise<{ messages: Msg[] }> {
    return {
      messages: this.getModelsArray().filter(({ body, caption }) => (caption ?? body)?.includes(text)),
    };
  }
}

/** The collection of all messages, and how one is made of what the server tells. */
export const createMessages = (link: Link, { keyText: where }: Ways) => {
  let heardReactions: (key: string, reactions: WireReaction[]) => void = () => {};
  /** Acks of messages that do not stand in the collection yet. */
  const early = new Map<string, number>();
  /** Messages that were handed to the server, until it answers. */
  const asked = new Map<string, (answer: { t: string; error?: number }) => void>();

  /** What an edit or a deletion changes. */
  const changing = ({ type, body, caption, t, editedAt, revoked }: WireMessage) => ({
    type,
    t,
    body: revoked ? undefined : body,
    ...(caption !== undefined && { caption }),
    latestEditSenderTimestampMs: editedAt ?? null,
    ...(revoked && {
      subtype: "sender",
      revokeTimestamp: revoked.at,
      protocolMessageKey: keyFromWire(where, revoked.key),
    }),
  });

  const fromContent = ({ quotedParticipant, mentionedJidList, ...content }: WireContent) => ({
    ...content,
    ...(content.quotedStanzaID !== undefined && { quotedMsg: {} }),
    ...(quotedParticipant !== undefined && { quotedParticipant: createWid(quotedParticipant) }),
    ...(mentionedJidList && { mentionedJidList: mentionedJidList.map(createWid) }),
  });

  const fromWire = (message: WireMessage, isNewMsg: boolean): Msg => {
    const { key, from, to, author, notifyName, ack, media, content = {}, reactions, odd = {} } = message;
    if (reactions && reactions.length > 0) heardReactions(keyText(key), reactions);
    return new Msg({
      ack,
      notifyName,
      ...changing(message),
      ...media,
      ...fromContent(content),
      ...(reactions && reactions.length > 0 && { hasReaction: true }),
      id: keyFromWire(where, key),
      from: createWid(from),
      to: createWid(to),
      author: author === undefined ? undefined : createWid(author),
      self: key.fromMe ? "out" : "in",
      isNewMsg,
      ...Object.fromEntries(Object.entries(odd).map(([name, value]) => [name, value ?? undefined])),
    });
  };

  const all = new Messages(async (keys) =>
    (await link.call("messages", { keys })).map((message) => fromWire(message, false)),
  );

  return {
    all,
    fromWire,
    /** Reactions that come with a message. */
    onReactions: (listener: typeof heardReactions) => {
      heardReactions = listener;
    },
    add: (msg: Msg): Msg => {
      const added = all.add(msg);
      const ack = early.get(String(added.id));
      if (ack !== undefined && early.delete(String(added.id))) added.set({ ack });
      return added;
    },
    /** Answers the message, and whether it has another key than it had. */
    change: (before: string, message: WireMessage): { msg: Msg | undefined; renamed: boolean } => {
      const msg = all.get(before);
      const renamed = keyText(message.key) !== before;
      if (!msg) return { msg, renamed };
      msg.set({
        ...changing(message),
        ...(renamed && { id: keyFromWire(where, message.key) }),
        ...(message.revoked && { directPath: undefined, caption: undefined }),
      });
      if (renamed) all.rename(before);
      return { msg, renamed };
    },
    /** What the server says to a message: that it has it, or by which code it refuses it. */
    answerTo: (msg: Msg): Promise<{ t: string; error?: number }> =>
      new Promise((resolve) => asked.set(String(msg.id), resolve)),
    acknowledge: (key: string, ack: number, error?: number) => {
      const answer = asked.get(key);
      asked.delete(key);
      answer?.({ t: String(Math.floor(Date.now() / 1000)), ...(error !== undefined && { error }) });
      if (answer !== undefined && error !== undefined) return; // whoever sent it marks it
      const msg = all.get(key);
      if (msg) msg.set({ ack });
      else early.set(key, ack);
    },
  };
};
export type MessagesArea = ReturnType<typeof createMessages>;
