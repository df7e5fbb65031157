import { randomBytes } from "node:crypto";
import type { Account } from "./accounts.ts";
import { isPerson, type Directory } from "./directory.ts";
import type { StoredMessage } from "./history.ts";
import type { Settings } from "./settings.ts";
import { keyText, type Listing, type MessageKey, type Push } from "./wire.ts";

type Deps = {
  settings: Settings;
  directory: Directory;
  tell: (account: Account, what: Push) => void;
};

/** As phones make ids. */
export const newId = (): string => `3A${randomBytes(9).toString("hex").toUpperCase()}`;

const never = new Promise<never>(() => {});

/** What is done to messages that are there, by the account itself or by others. */
export const createDoings = ({ settings, directory, tell }: Deps) => {
  const people = (ids: readonly (string | undefined)[]): Listing[] =>
    ids.flatMap((id) => (id !== undefined && isPerson(id) ? (directory.find(id) ?? []) : []));

  const messageOf = (account: Account, id: string): StoredMessage => {
    const message = account.history.find(id);
    if (!message) throw new Error(`The account ${account.phoneNumber} has no message ${id}.`);
    return message;
  };

  const react = (account: Account, id: string, from: string, emoji: string): void => {
    const message = messageOf(account, id);
    const fromMe = from === account.me.pn || from === account.me.lid;
    const key: MessageKey = {
      fromMe,
      remote: message.key.remote,
      id: newId(),
      ...(message.key.remote.endsWith("@g.us") && { participant: from }),
    };
    const reaction = { key, from, emoji, at: Date.now() };
    const others = (message.reactions ?? []).filter((one) => one.from !== from);
    message.reactions = emoji === "" ? others : [...others, reaction];
    tell(account, { push: "reaction", key: keyText(message.key), reaction, people: people([from]) });
  };

  const edit = (account: Account, id: string, text: string, at = Date.now()): void => {
    const message = messageOf(account, id);
    Object.assign(message, message.media ? { caption: text } : { body: text }, { editedAt: at });
    tell(account, { push: "changed", key: keyText(message.key), message });
  };

  /** As WhatsApp does it, the message stands under the key of the deletion then. */
  const revoke = (account: Account, id: string): void => {
    const message = messageOf(account, id);
    const { key, media: _media, caption: _caption, content: _content, reactions: _reactions } = message;
    account.history.rename(message, { ...key, id: newId() });
    for (const name of ["media", "caption", "content", "reactions"] as const) delete message[name];
    const revoked = { at: Math.floor(Date.now() / 1000), key };
    Object.assign(message, { type: "revoked", body: "", revoked });
    tell(account, { push: "changed", key: keyText(key), message });
  };

  /** Does it as set; answers whether the server took it. */
  const asSet = async (doing: () => void): Promise<boolean> => {
    if (settings.actions === "silence") return never;
    if (settings.actions === "refuse") return false;
    doing();
    return true;
  };

  return { people, messageOf, react, edit, revoke, asSet };
};
