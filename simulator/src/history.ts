import { keyText, type WireChat, type WireGroup, type WireMessage } from "./wire.ts";

/** A message as the account keeps it. */
export type StoredMessage = WireMessage & {
  /** When WhatsApp's server took it; null while it has not. */
  takenAt: string | null;
  /** Waits in the queue of WhatsApp Web until the connection is back. */
  queued: boolean;
  /** The page it was sent from. */
  pageId: string | null;
};

type StoredChat = { id: string; name: string; unreadCount: number; group?: WireGroup };

/** How many messages of a chat a page has when it comes up, and gets with every step back. */
const PAGE_SIZE = 20;

/** Chats and messages of one account. */
export const createHistory = () => {
  const chats = new Map<string, StoredChat>();
  const messages = new Map<string, StoredMessage>();

  const chat = (id: string, name?: string): StoredChat => {
    const known = chats.get(id) ?? { id, name: name ?? id.replace(/@.*/, ""), unreadCount: 0 };
    chats.set(id, known);
    return known;
  };
  const inChat = (id: string) => [...messages.values()].filter(({ key }) => key.remote === id);

  const wireChat = (stored: StoredChat, newest: WireMessage[]): WireChat => ({
    ...stored,
    t: newest.at(-1)?.t ?? 0,
    messages: newest,
  });

  return {
    add: (message: StoredMessage) => {
      messages.set(keyText(message.key), message);
      const { remote, fromMe } = message.key;
      if (!fromMe) chat(remote, message.author === undefined ? message.notifyName : undefined).unreadCount++;
      else chat(remote);
    },
    remove: (message: StoredMessage) => messages.delete(keyText(message.key)),
    all: () => [...messages.values()],

    /** By the key's whole text, or by WhatsApp's id within it. */
    find: (id: string): StoredMessage | undefined =>
      messages.get(id) ?? [...messages.values()].find(({ key }) => key.id === id),

    /** A chat with its newest messages. */
    chat: (id: string): WireChat => wireChat(chat(id), inChat(id).slice(-1)),
    chats: (): WireChat[] =>
      [...chats.values()].map((stored) => wireChat(stored, inChat(stored.id).slice(-PAGE_SIZE))),

    earlier: (id: string, before: string | null): WireMessage[] => {
      const all = inChat(id);
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
