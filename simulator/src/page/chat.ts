import type { Ways } from "../builds.ts";
import type { Listing, WireChat, WireGroup, WireMessage } from "../wire.ts";
import type { ContactsArea } from "./contact.ts";
import type { Link } from "./link.ts";
import { Collection, Model } from "./model.ts";
import type { MsgKey } from "./msg-key.ts";
import type { MessagesArea, Msg } from "./msg.ts";
import { pageError } from "./page-error.ts";
import { createWid, type Wid } from "./wid.ts";

class GroupMetadata extends Model<{
  id: Wid;
  subject: string;
  announce: boolean;
  isLidAddressingMode: boolean;
  desc: string | undefined;
}> {
  declare id: Wid;
  declare subject: string;
  declare announce: boolean;
  readonly #group: WireGroup;

  constructor(id: Wid, group: WireGroup) {
    const { subject, announce, description } = group;
    super({ id, subject, announce, isLidAddressingMode: false, desc: description });
    this.#group = group;
  }
  override serialize(): Record<string, unknown> {
    const { participants: ids, admins = [] } = this.#group;
    const participants = ids.map((one) => ({
      id: createWid(one),
      isAdmin: admins.includes(one),
      isSuperAdmin: false,
    }));
    return { ...super.serialize(), participants };
  }
}

type ChatAttributes = {
  id: Wid;
  name: string;
  formattedTitle: string;
  t: number;
  unreadCount: number;
  archive: boolean;
  pin: number;
  mute: { expiration: number };
  lastReceivedKey: MsgKey | undefined;
  groupMetadata: GroupMetadata | undefined;
};

export class Chat extends Model<ChatAttributes> {
  declare id: Wid;
  declare t: number;
  declare unreadCount: number;
  declare lastReceivedKey: MsgKey | undefined;
  declare groupMetadata: GroupMetadata | undefined;
  readonly #msgs = new Collection<Msg>();

  get msgs(): Collection<Msg> {
    return this.#msgs;
  }
  override serialize(): Record<string, unknown> {
    return {
      ...super.serialize(),
      groupMetadata: this.groupMetadata?.serialize(),
      msgs: this.#msgs.getModelsArray().map((msg) => msg.serialize()),
    };
  }
}

class Chats extends Collection<Chat> {
  readonly #open: (wid: Wid) => Promise<Chat>;

  constructor(open: (wid: Wid) => Promise<Chat>) {
    super();
    this.#open = open;
  }
  find(wid: Wid): Promise<Chat> {
    return this.#open(createWid(wid));
  }
}

/** Chats, and the way from a number or LID to the chat it stands under. */
export const createChats = (
  link: Link,
  messages: MessagesArea,
  contacts: ContactsArea,
  { minifiedErrors }: Ways,
) => {
  const make = ({ id, name, unreadCount, t, group }: Omit<WireChat, "messages">): Chat => {
    const wid = createWid(id);
    const chat = new Chat({
      id: wid,
      name,
      formattedTitle: name,
      t,
      unreadCount,
      archive: false,
      pin: 0,
      mute: { expiration: 0 },
      lastReceivedKey: undefined,
      groupMetadata: group && new GroupMetadata(wid, group),
    });
    return all.add(chat);
  };

  const place = (chat: Chat, msg: Msg): Msg => {
    const known = messages.all.get(msg.id) ?? chat.msgs.add(msg);
    chat.set({ t: msg.t, lastReceivedKey: known.id });
    return messages.add(known);
  };

  const open = async (wid: Wid): Promise<Chat> => {
    const known = contacts.known(wid);
    const listing: Listing | null = known ?? (await contacts.ask(wid));
    if (!listing)
      throw pageError(wid.isGroup() ? `No such group: ${wid.toString()}` : "No LID for user", minifiedErrors);
    const { chat: id, pn, group } = listing;
    // Where chats stand under LIDs, the page must have been told a person's before.
    if (!known && id.endsWith("@lid")) throw pageError("Lid is missing in chat table", minifiedErrors);
    const name = group?.subject ?? pn.replace(/@.*/, "");
    return all.get(id) ?? make({ id, name, unreadCount: 0, t: 0, ...(group && { group }) });
  };
  const all = new Chats(open);

  return {
    all,
    place,
    load: (chats: WireChat[]) => {
      for (const { messages: newest, ...rest } of chats) {
        const chat = all.get(rest.id) ?? make(rest);
        for (const message of newest) place(chat, messages.fromWire(message, false));
      }
    },
    change: (before: string, message: WireMessage) => {
      const { msg, renamed } = messages.change(before, message);
      if (msg && renamed) all.get(msg.id.remote)?.msgs.rename(before);
    },
    receive: (message: WireMessage, { messages: _, ...rest }: WireChat) => {
      const chat = all.get(rest.id) ?? make(rest);
      place(chat, messages.fromWire(message, true));
      chat.set({ unreadCount: rest.unreadCount });
    },

    modules: {
      WAWebChatGetters: {
        getIsNewsletter: ({ id }: Chat) => id.isNewsletter(),
        getIsBroadcast: ({ id }: Chat) => id.isBroadcast(),
        getIsGroup: ({ id }: Chat) => id.isGroup(),
      },
      WAWebFindChatAction: {
        findOrCreateLatestChat: async (wid: Wid) => ({ chat: await open(wid), created: false }),
      },
      WAWebUpdateUnreadChatAction: {
        sendSeen: async ({ chat }: { chat: Chat }) => {
          if (chat.unreadCount === 0) return;
          chat.set({ unreadCount: 0 });
          await link.call("seen", { chat: chat.id.toString() });
        },
      },
      WAWebChatLoadMessages: {
        loadEarlierMsgs: async ({ chat }: { chat: Chat }) => {
          const [first] = chat.msgs.getModelsArray();
          const earlier = await link.call("earlier", {
            chat: chat.id.toString(),
            before: first ? String(first.id) : null,
          });
          const loaded = earlier.map((message) => messages.add(messages.fromWire(message, false)));
          return chat.msgs.addFirst(loaded);
        },
      },
      WAWebGetEphemeralFieldsMsgActionsUtils: { getEphemeralFields: () => ({}) },
    },
  };
};
export type ChatsArea = ReturnType<typeof createChats>;
