import { keyText, type MessageKey, type WireChat, type WireGroup, type WireMessage } from "./wire.ts";

/** A message as the account keeps it. */
export type StoredMessage = WireMessage & {
  /** Waits in the queue of WhatsApp Web until the connection is back. */
  queued: boolean;
  /** The page it was sent from. */
  pageId: string | null;
};

type StoredChat = {
  id: string;
  name: string;
  unreadCount: number;
  group?: WireGroup;
  messages: StoredMessage[];
};

/** How many messages of a chat a page has when it comes up, and gets with every step back. */
const PAGE_SIZE = 20;

/** Chats and messages of one account. */
export const createHistory = () => {
  const chats = new Map<string, StoredChat>();
  const messages = new Map<string, StoredMessage>();

  const chat = (id: string, name = id.replace(/@.*/, "")): StoredChat => {
    const known = chats.get(id) ?? { id, name, unreadCount: 0, messages: [] };
    chats.set(id, known);
    return known;
  };

  const withNewest = (stored: StoredChat, count: number): WireChat => ({
    ...stored,
    t: stored.messages.at(-1)?.t ?? 0,
    messages: stored.messages.slice(-count),
  });

  return {
    add: (message: StoredMessage) => {
      const { key, author, notifyName } = message;
      const stored = chat(key.remote, author === undefined ? notifyName : undefined);
      stored.messages.push(message);
      if (!key.fromMe) stored.unreadCount++;
      messages.set(keyText(key), message);
    },
    remove: (message: StoredMessage) => {
      const stored = chat(message.key.remote);
      stored.messages = stored.messages.filter((one) => one !== message);
      messages.delete(keyText(message.key));
    },
    /** The message stands under another key from now on. */
    rename: (message: StoredMessage, key: MessageKey) => {
      messages.delete(keyText(message.key));
      message.key = key;
      messages.set(keyText(key), message);
    },
    all: () => [...messages.values()],

    /** By the key's whole text, or by WhatsApp's id within it. */
    find: (id: string): StoredMessage | undefined =>
      messages.get(id) ?? [...messages.values()].find(({ key }) => key.id === id),

    /** A chat with its newest message. */
    chat: (id: string): WireChat => withNewest(chat(id), 1),
    chats: (): WireChat[] => [...chats.values()].map((stored) => withNewest(stored, PAGE_SIZE)),

    /** The messages before this one, or the newest; oldest first. */
    earlier: (id: string, before: string | null): WireMessage[] => {
      const all = chat(id).messages;
      const end = before === null ? all.length : all.findIndex(({ key }) => keyText(key) === before);
      return all.slice(Math.max(0, end - PAGE_SIZE), Math.max(0, end));
    },

    seen: (id: string) => {
      chat(id).unreadCount = 0;
    },
    group: (id: string): WireGroup | undefined => chats.get(id)?.group,
    setGroup: (id: string, group: WireGroup) => {
      Object.assign(chat(id), { name: group.subject, group });
    },
  };
};
export type History = ReturnType<typeof createHistory>;
