import type { Call, Id, Msg, MsgKey, PageEngine, PageWindow, TableReaction } from "./window.ts";

declare const window: PageWindow;

/** Types of entries in a chat that are not messages of a person. */
export const noticeTypes = [
  "gp2",
  "e2e_notification",
  "notification",
  "notification_template",
  "broadcast_notification",
  "group_notification",
  "protocol",
  "ciphertext",
  "revoked",
  "call_log",
  "debug",
] as const;

/**
 * Adds to `window.engine` how WhatsApp's objects read in the runner's words. Their fields are their senders': of any type and
 * length, and no text longer than `most` leaves the page.
 */
export const installInbound = (notices: readonly string[], most: number): void => {
  const { getMaybeMeLidUser, getMaybeMePnUser } = window.require("WAWebUserPrefsMeUser");
  const { Msg } = window.require("WAWebCollections");

  const text = (value: unknown): string | null => (typeof value === "string" ? value.slice(0, most) : null);
  const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
  /** WhatsApp's longest id has some 80 characters. */
  const MAX_ID = 512;

  /** Without the number of the device. */
  const idOf = (id: Id | null | undefined): string | null => {
    const whole: unknown = typeof id === "object" && id !== null ? id._serialized : id;
    return typeof whole === "string" && whole.length <= MAX_ID ? whole.replace(/:\d+@/, "@") : null;
  };
  const textOf = (key: (MsgKey & { _serialized?: string }) | string): string =>
    text(typeof key === "string" ? key : (key._serialized ?? String(key))) ?? "";
  const isMe = (id: string | null): boolean =>
    id !== null && [idOf(getMaybeMePnUser()), idOf(getMaybeMeLidUser())].includes(id);
  /** The last moment of the year 9999; what is no time at all is the first of 1970. */
  const LAST_MS = 253_402_300_799_999;
  const iso = (unixMs: unknown): string =>
    new Date(isTime(unixMs) ? Math.min(Math.max(unixMs, 0), LAST_MS) : 0).toISOString();
  /** People and groups; not posts to everyone, nor channels. */
  const isChat = (id: string | null): boolean => id !== null && /@(c\.us|lid|g\.us)$/.test(id);

  const phoneNumberOf = (id: string): string | null => {
    if (id.endsWith("@c.us")) return id.replace(/@.*/, "");
    if (!id.endsWith("@lid")) return null;
    const { createWid } = window.require("WAWebWidFactory");
    try {
      const number = idOf(window.require("WAWebApiContact").getPhoneNumber(createWid(id)));
      return number?.endsWith("@c.us") === true ? number.replace(/@.*/, "") : null;
    } catch {
      return null; // who it is from is no reason to lose a message
    }
  };

  /** A message may stand under a person's LID in a chat that stands under their number. */
  const isSameChat = (one: string, other: string): boolean =>
    one === other || (phoneNumberOf(one) !== null && phoneNumberOf(one) === phoneNumberOf(other));

  const quotedIdOf = (chatId: string, { quotedStanzaID, quotedParticipant }: Msg): string | null => {
    if (typeof quotedStanzaID !== "string" || quotedStanzaID === "" || quotedStanzaID.length > MAX_ID)
      return null;
    const held = Msg.getModelsArray().find(
      ({ id }) => id?.id === quotedStanzaID && isSameChat(idOf(id.remote) ?? "", chatId),
    );
    if (held !== undefined) return textOf(held.id);
    const writer = idOf(quotedParticipant);
    const inGroup = chatId.endsWith("@g.us") && writer !== null ? `_${writer}` : "";
    return `${isMe(writer)}_${chatId}_${quotedStanzaID}${inGroup}`;
  };

  const cardsOf = ({ vcardList }: Msg): string | null => {
    if (!Array.isArray(vcardList)) return null;
    let cards = "";
    for (const one of vcardList as ({ vcard?: unknown } | null)[]) {
      if (cards.length >= most) break;
      cards += `${cards === "" ? "" : "\n"}${text(one?.vcard) ?? ""}`;
    }
    return text(cards);
  };
  const bodyOf = (message: Msg): string => {
    if (message.directPath) return text(message.caption) ?? "";
    if (message.type === "location") return text(message.loc) ?? "";
    if (message.type === "multi_vcard") return cardsOf(message) ?? "";
    return text(message.body) || text(message.pollName) || "";
  };

  const placeOf = (message: Msg, unixMs: unknown) => {
    const chatId = idOf(message.id.remote)!;
    const isGroup = chatId.endsWith("@g.us");
    const author = isGroup ? idOf(message.author ?? message.id.participant) || null : null;
    const from = idOf(message.from) || chatId;
    return {
      whatsappId: textOf(message.id),
      chatId,
      from,
      author,
      phoneNumber: phoneNumberOf(author ?? from),
      timestamp: iso(unixMs),
    };
  };
  const isOthers = ({ id }: Msg): boolean => !id.fromMe && isChat(idOf(id.remote));

  const received: PageEngine["received"] = (message) => {
    if (!isOthers(message) || notices.includes(message.type)) return null;
    // Whatever time it says, it is there.
    const place = placeOf(message, isTime(message.t) ? message.t * 1000 : Date.now());
    const { type: kind, notifyName, directPath, mimetype, filename, lat, lng } = message;
    return {
      ...place,
      type: "message_received",
      pushName: text(notifyName),
      isGroup: place.chatId.endsWith("@g.us"),
      kind: text(kind) ?? "unknown",
      body: bodyOf(message),
      hasMedia: Boolean(directPath),
      mimetype: directPath ? text(mimetype) : null,
      filename: directPath ? text(filename) : null,
      quotedId: quotedIdOf(place.chatId, message),
      location: typeof lat === "number" && typeof lng === "number" ? { latitude: lat, longitude: lng } : null,
    };
  };

  const words: Pick<PageEngine, "received" | "edited" | "revoked" | "reacted" | "called"> = {
    received: (message) => {
      if (message.type === "revoked") return words.revoked(message);
      if (message.type !== "call_log") return received(message);
      const { remote, id, fromMe, participant } = message.id;
      const chatId = idOf(remote)!;
      const isGroup = chatId.endsWith("@g.us");
      const peerJid = isGroup ? (participant ?? chatId) : chatId;
      const call = { id, peerJid, isVideo: message.isVideoCall === true, isGroup, outgoing: fromMe };
      return words.called(call, isTime(message.t) ? message.t * 1000 : 0);
    },
    edited: (message) => {
      if (!isOthers(message) || notices.includes(message.type)) return null;
      const { latestEditSenderTimestampMs: at } = message;
      const editedAt = isTime(at) ? at : Date.now();
      return { ...placeOf(message, editedAt), type: "message_edited", body: bodyOf(message) };
    },
    revoked: (message) => {
      // The message that says so has an id of its own where the page knew the other.
      const whatsappId = textOf(message.protocolMessageKey ?? message.id);
      if (whatsappId.startsWith("true_") || !isChat(idOf(message.id.remote))) return null;
      const unixMs = isTime(message.revokeTimestamp) ? message.revokeTimestamp * 1000 : Date.now();
      return { ...placeOf(message, unixMs), type: "message_revoked", whatsappId };
    },
    reacted: (parent, who, emoji, unixMs) => {
      const whatsappId = textOf(parent);
      const chatId = whatsappId.split("_")[1] ?? "";
      const from = idOf(who);
      if (from === null || isMe(from) || !isChat(chatId)) return null;
      const phoneNumber = phoneNumberOf(from);
      const timestamp = iso(unixMs);
      return {
        type: "message_reaction",
        whatsappId,
        messageId: null,
        chatId,
        from,
        phoneNumber,
        emoji: text(emoji) ?? "",
        timestamp,
      };
    },
    called: ({ id, peerJid, isVideo, isGroup, outgoing }, unixMs) => {
      const from = idOf(peerJid);
      if (from === null || outgoing === true || isMe(from)) return null;
      const phoneNumber = phoneNumberOf(from);
      return {
        type: "call_received",
        callId: text(id) ?? "unknown",
        from,
        phoneNumber,
        isVideo: isVideo === true,
        isGroup: isGroup === true,
        timestamp: iso(unixMs),
      };
    },
  };
  // One thing that WhatsApp wrote in a way of its own must not take all others along.
  const safely =
    <Args extends unknown[], Result>(name: string, word: (...args: Args) => Result) =>
    (...args: Args): Result | null => {
      try {
        return word(...args);
      } catch (cause) {
        window.engine!.tell({
          type: "unreadable",
          why: `Something ${name} could not be read: ${String(cause).slice(0, 500)}`,
        });
        return null;
      }
    };
  // The library asks for this before it tells of a message, which what it does not expect in one must not keep it from.
  const library = window.WWebJS!;
  const { getMessageModel } = library;
  library.getMessageModel = (message) => {
    try {
      return getMessageModel(message);
    } catch {
      return message;
    }
  };
  Object.assign(window.engine!, {
    idOf,
    isMe,
    phoneNumberOf,
    received: safely("received", words.received),
    edited: safely("edited", words.edited),
    revoked: safely("revoked", words.revoked),
    reacted: safely("reacted", words.reacted),
    called: safely("called", words.called),
  } satisfies typeof words & Pick<PageEngine, "idOf" | "isMe" | "phoneNumberOf">);
};

/**
 * Takes the place of the handlers that the library would expose to Node: what it tells them is told in the runner's own
 * words, without a round trip. A document's handlers must stand before the library attaches its own.
 */
export const hearInbound = (): void => {
  const engine = window.engine!;
  const tell = (event: ReturnType<PageEngine["received"]>) => {
    if (event !== null) engine.tell({ type: "inbound", event });
  };
  window["onAddMessageEvent"] = (message: Msg) => tell(engine.received(message));
  window["onEditMessageEvent"] = (message: Msg, _now: string, before?: string) => {
    // A picture's body is its preview, and an undecrypted text becomes one: neither is an edit.
    const isEdit = message.latestEditSenderTimestampMs || (message.type === "chat" && before);
    if (isEdit) tell(engine.edited(message));
  };
  window["onChangeMessageTypeEvent"] = (message: Msg) => {
    if (message.type === "revoked") tell(engine.revoked(message));
  };
  window["onReaction"] = (reactions: TableReaction[]) => {
    for (const { reactionParentKey, author, from, reactionText, reactionTimestamp } of reactions) {
      const who = author ?? from;
      if (who) tell(engine.reacted(reactionParentKey, who, reactionText ?? "", reactionTimestamp));
    }
  };
  window["onIncomingCall"] = (call: Call) => tell(engine.called(call, Date.now()));
};

/**
 * What came in since then, oldest first, as far as the page holds it. Chats that have more that is new than the page
 * loaded are read further back.
 */
export const inboundSince = async (
  unixSeconds: number,
): Promise<NonNullable<ReturnType<PageEngine["received"]>>[]> => {
  /** So that a chat without an end holds up nobody. WhatsApp Web loads some 20 to 50 messages at a time. */
  const MAX_LOADS = 100;
  const engine = window.engine!;
  const { Chat, Msg, Reactions } = window.require("WAWebCollections");
  const { loadEarlierMsgs } = window.require("WAWebChatLoadMessages");

  // Not the one of posts to everyone: some accounts that read it in their first minutes were unlinked (OpenWA 1040, 1070).
  const chats = Chat.getModelsArray().filter(({ id }) => /@(c\.us|lid|g\.us)$/.test(id._serialized));
  for (const chat of chats) {
    for (let loads = 0; (chat.t ?? 0) >= unixSeconds && loads < MAX_LOADS; loads += 1) {
      const [oldest] = chat.msgs.getModelsArray();
      if (oldest !== undefined && (oldest.t ?? 0) < unixSeconds) break;
      const loaded = await loadEarlierMsgs({ chat });
      if (!loaded || loaded.length === 0) break;
    }
  }

  const since = (time: number | null | undefined): time is number =>
    typeof time === "number" && time >= unixSeconds;
  const found: ReturnType<PageEngine["received"]>[] = [];
  const read = async (message: (typeof inChats)[number]): Promise<void> => {
    if (engine.idOf(message.id.remote)?.endsWith("@broadcast") === true) return;
    const { type, t, latestEditSenderTimestampMs: editedMs } = message;
    if (since(type === "revoked" ? (message.revokeTimestamp ?? t) : t)) found.push(engine.received(message));
    if (editedMs && since(editedMs / 1000)) found.push(engine.edited(message));
    if (message.hasReaction !== true) return;
    const shown = await Reactions.find(message.id.toString());
    for (const { parentMsgKey, senderUserJid, reactionText, timestamp } of shown?.reactions
      .serialize()
      .flatMap(({ senders }) => senders) ?? []) {
      if (since(timestamp / 1000))
        found.push(engine.reacted(parentMsgKey, senderUserJid, reactionText, timestamp));
    }
  };
  // A chat keeps its messages in order, which their times, in whole seconds, do not tell.
  const inChats = chats.flatMap(({ msgs }) => msgs.getModelsArray());
  for (const message of new Set([...inChats, ...Msg.getModelsArray()])) {
    await read(message).catch((cause: unknown) =>
      engine.tell({
        type: "unreadable",
        why: `Something in a chat could not be read: ${String(cause).slice(0, 500)}`,
      }),
    );
  }
  return found.filter((event) => event !== null).toSorted((a, b) => a.timestamp.localeCompare(b.timestamp));
};
