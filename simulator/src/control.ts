import { shownLimits, type Account, type AccountLimit, type Phone } from "./accounts.ts";
import { digitsOf, isPerson } from "./directory.ts";
import { newId } from "./doings.ts";
import type { Fault, FaultScope } from "./faults.ts";
import type { StoredMessage } from "./history.ts";
import type { RefusedMessage, SentMessage } from "./outbox.ts";
import type { PageInfo, PageSession } from "./page-session.ts";
import { applySettings, type Settings, type SettingsChanges } from "./settings.ts";
import { keyText, type WireContent, type WireMedia } from "./wire.ts";
import type { World } from "./world.ts";

/** A message that comes in from somebody. */
export type Inbound = {
  /** Number, or chat id; of a group: its id, with `author`. */
  from: string;
  body?: string;
  /** The page's type name: `chat`, `image`, `document`, `ptt`, … */
  type?: string;
  author?: string;
  pushName?: string;
  media?: { base64: string; mimetype: string; filename?: string };
  caption?: string;
  /** The message it answers. */
  quotedId?: string;
  /** What its type holds besides, such as a place or a poll. */
  content?: WireContent;
  /** Written by the account itself, on its phone, to `from`. */
  fromPhone?: boolean;
  /** The message's own id, which its sender's phone makes; left out: as phones do. */
  id?: string;
  /** Attributes of the page's message as a sender may have made them: of any type and length, null for what is missing. */
  odd?: Record<string, unknown>;
};

export type Group = {
  subject: string;
  participants: string[];
  announce?: boolean;
  description?: string;
  /** Of the participants. */
  admins?: string[];
};

/** Somebody whom the account knows; with a name, from the phone's address book. */
type ContactEntry = { phoneNumber: string; name?: string; pushName?: string };

/**
 * Everything that can be made to happen. `account` is the phone number of a linked account; what happens to it is over when its
 * pages have done it.
 */
export type Control = {
  /** Scans a code as the phone of an account would. */
  scan(qr: string, phone: Phone): Promise<{ account: string; lid: string }>;
  /** Enters a pairing code on the phone. */
  enterPairingCode(code: string, phone: Phone): Promise<{ account: string; lid: string }>;
  /** Where `passkey` is set: the owner gives it to the one phone that asks, and the page's scan goes on. */
  givePasskey(pageId: string): Promise<void>;
  /** Scans a code, and linking fails. */
  failPairing(qr: string): Promise<void>;
  /** The code's time is over. */
  expireQr(qr: string): Promise<void>;

  deliver(account: string, message: Inbound): Promise<{ id: string }>;
  ack(account: string, messageId: string, level: number): Promise<void>;
  /** Somebody reacts to a message of the chat; an empty emoji takes the reaction back. */
  react(account: string, messageId: string, reaction: { from: string; emoji: string }): Promise<void>;
  /** Its writer edits a message, or its caption. */
  edit(account: string, messageId: string, text: string): Promise<void>;
  /** Its writer deletes a message for everyone. */
  revoke(account: string, messageId: string): Promise<void>;
  /** Somebody calls, and nobody answers. */
  call(account: string, call: { from: string; isVideo?: boolean }): Promise<{ id: string }>;
  /** The newest reactions to a message. */
  reactions(account: string, messageId: string): Promise<{ from: string; emoji: string }[]>;
  /** The message is that much older from now on, too old for some of what can be done to a message. */
  age(account: string, messageId: string, seconds: number): Promise<void>;
  /** WhatsApp's server has the file of this message no more. */
  expireMedia(account: string, messageId: string): Promise<void>;
  /** What WhatsApp's server took, of one account or of all, oldest first. */
  sent(account?: string): Promise<SentMessage[]>;
  /** What it refused, the same way. */
  refused(account?: string): Promise<RefusedMessage[]>;
  /** Limits whom the account may write to; null: no more. */
  limitAccount(account: string, limit: AccountLimit | null): Promise<void>;
  fault(fault: Fault, scope?: FaultScope): Promise<void>;
  clearFaults(): Promise<void>;

  logoutFromPhone(account: string): Promise<void>;
  /** How many browsers the account's phone shows as linked. */
  linkedDevices(account: string): Promise<number>;
  /** The connection breaks: what is sent now waits, what comes in is missed until `restore`. */
  drop(account: string, state?: string): Promise<void>;
  restore(account: string): Promise<void>;
  /** Any state's name, known or not. `target`: an account, or a page's id. */
  setState(target: string, state: string): Promise<void>;
  /** The page leaves as after a logout though nobody unlinked it; `wiped`: without its login. */
  failStorage(target: string, wiped?: boolean): Promise<void>;
  hangPage(target: string, milliseconds?: number): Promise<void>;
  crashPage(target: string): Promise<void>;

  registerNumber(number: string): Promise<void>;
  unregisterNumber(number: string): Promise<void>;
  addGroup(account: string, id: string, group: Group): Promise<void>;
  addContacts(account: string, contacts: readonly ContactEntry[]): Promise<void>;

  configure(changes: SettingsChanges): Promise<Settings>;
  pages(): Promise<PageInfo[]>;
};

export const createControl = ({
  settings,
  directory,
  accounts,
  faults,
  media,
  doings,
  outbox,
  pages,
  pagesOf,
  tell,
}: World): Control => {
  const showing = (qr: string): PageSession => {
    const page = [...pages].find((one) => one.qr() === qr);
    if (!page) throw new Error("No page shows this code now.");
    return page;
  };

  const targets = (target: string): PageSession[] => {
    const page = [...pages].find(({ id }) => id === target);
    return page ? [page] : pagesOf(accounts.get(target));
  };

  const caughtUp = async (account: Account): Promise<void> => {
    await Promise.all(pagesOf(account).map((page) => page.caughtUp()));
  };
  /** Has it happen to a message, or to the account. */
  const happens = async (phoneNumber: string, what: (account: Account) => void): Promise<void> => {
    const account = accounts.get(phoneNumber);
    what(account);
    await caughtUp(account);
  };

  const pair = async (page: PageSession, phone: Phone) => {
    const { phoneNumber, me } = await page.pair(phone);
    return { account: phoneNumber, lid: me.lid };
  };

  const storeMedia = ({ base64, mimetype, filename }: NonNullable<Inbound["media"]>): WireMedia => {
    const bytes = Buffer.from(base64, "base64");
    const directPath = media.put(bytes, mimetype);
    const sha256 = media.get(directPath)?.sha256 ?? "";
    const filehash = Buffer.from(sha256, "hex").toString("base64");
    return {
      directPath,
      mimetype,
      size: bytes.length,
      filehash,
      ...(filename !== undefined && { filename }),
    };
  };

  const chatOf = (id: string): string => {
    if (id.includes("@") && !isPerson(id)) return id;
    const asked = id.includes("@") ? id : `${digitsOf(id)}@c.us`;
    return directory.find(asked)?.chat ?? asked;
  };

  return {
    scan: async (qr, phone) => pair(showing(qr), phone),
    givePasskey: async (pageId) => {
      const page = [...pages].find(({ id }) => id === pageId);
      if (!page) throw new Error(`There is no page ${pageId}.`);
      page.givePasskey();
    },
    failPairing: async (qr) => showing(qr).failPairing(),
    expireQr: async (qr) => showing(qr).nextCode(),
    enterPairingCode: async (code, phone) => {
      const page = [...pages].find((one) => one.takesPairingCode(code, digitsOf(phone.phoneNumber)));
      if (!page) throw new Error("No page shows this pairing code to this number now.");
      return pair(page, phone);
    },

    deliver: async (phoneNumber, inbound) => {
      const { from, body = "", type, author, pushName, media: file, caption, fromPhone = false } = inbound;
      const { quotedId, content, id = newId(), odd } = inbound;
      const account = accounts.get(phoneNumber);
      const remote = chatOf(from);
      const participant = author === undefined ? undefined : chatOf(author);
      const quoted = quotedId === undefined ? undefined : doings.messageOf(account, quotedId).key;
      const message: StoredMessage = {
        key: {
          fromMe: fromPhone,
          remote,
          id,
          ...(participant !== undefined && { participant }),
        },
        from: fromPhone ? account.me.pn : remote,
        to: fromPhone ? remote : account.me.pn,
        type: type ?? (file ? "document" : "chat"),
        body,
        t: Math.floor(Date.now() / 1000),
        ack: 1,
        ...(participant !== undefined && { author: participant }),
        ...(pushName !== undefined && { notifyName: pushName }),
        ...(caption !== undefined && { caption }),
        ...(file && { media: storeMedia(file) }),
        ...((content ?? quoted) && {
          content: {
            ...content,
            ...(quoted && {
              quotedStanzaID: quoted.id,
              quotedParticipant: quoted.fromMe ? account.me.pn : (quoted.participant ?? quoted.remote),
            }),
          },
        }),
        ...(odd && { odd }),
        queued: false,
        pageId: null,
      };
      account.history.add(message);
      const people = doings.people([remote, participant]);
      tell(account, { push: "message", message, chat: account.history.chat(remote), people });
      await caughtUp(account);
      return { id: keyText(message.key) };
    },

    ack: (phoneNumber, messageId, level) =>
      happens(phoneNumber, (account) =>
        outbox.acknowledge(account, doings.messageOf(account, messageId), level),
      ),

    react: (phoneNumber, messageId, { from, emoji }) =>
      happens(phoneNumber, (account) => doings.react(account, messageId, chatOf(from), emoji)),
    edit: (phoneNumber, messageId, text) =>
      happens(phoneNumber, (account) => doings.edit(account, messageId, text)),
    revoke: (phoneNumber, messageId) => happens(phoneNumber, (account) => doings.revoke(account, messageId)),
    call: async (phoneNumber, { from, isVideo = false }) => {
      const account = accounts.get(phoneNumber);
      const [id, remote] = [newId(), chatOf(from)];
      const people = doings.people([remote]);
      for (const page of pagesOf(account)) {
        // It rings only where the connection stands; the entry in the chat comes in any case.
        if (page.connected())
          page.push({ push: "call", id, peerJid: remote, isVideo, isGroup: false, people });
      }
      const message: StoredMessage = {
        key: { fromMe: false, remote, id },
        from: remote,
        to: account.me.pn,
        type: "call_log",
        body: "",
        t: Math.floor(Date.now() / 1000),
        ack: 1,
        content: { isVideoCall: isVideo },
        queued: false,
        pageId: null,
      };
      account.history.add(message);
      tell(account, { push: "message", message, chat: account.history.chat(remote), people });
      await caughtUp(account);
      return { id };
    },
    reactions: async (phoneNumber, messageId) =>
      (doings.messageOf(accounts.get(phoneNumber), messageId).reactions ?? []).map(({ from, emoji }) => ({
        from,
        emoji,
      })),
    age: (phoneNumber, messageId, seconds) =>
      happens(phoneNumber, (account) => {
        const message = doings.messageOf(account, messageId);
        message.t -= seconds;
        tell(account, { push: "changed", key: keyText(message.key), message });
      }),
    expireMedia: async (phoneNumber, messageId) => {
      const { media: file } = doings.messageOf(accounts.get(phoneNumber), messageId);
      if (file) media.remove(file.directPath);
    },

    sent: async (account) =>
      outbox.sent().filter((message) => account === undefined || message.account === digitsOf(account)),

    refused: async (account) =>
      outbox.refusals().filter((one) => account === undefined || one.account === digitsOf(account)),
    limitAccount: (phoneNumber, limit) =>
      happens(phoneNumber, (account) => {
        account.limit = limit;
        tell(account, { push: "limits", limits: shownLimits(account) });
      }),

    fault: async (fault, scope = "next") => faults.add(fault, scope),
    clearFaults: async () => faults.clear(),

    logoutFromPhone: async (phoneNumber) => {
      const account = accounts.get(phoneNumber);
      account.devices.clear();
      for (const page of pagesOf(account)) page.endLogin(true);
    },
    linkedDevices: async (phoneNumber) => accounts.get(phoneNumber).devices.size,
    drop: (phoneNumber, state = "TIMEOUT") =>
      happens(phoneNumber, (account) => {
        for (const page of pagesOf(account)) page.setState(state);
      }),
    restore: (phoneNumber) =>
      happens(phoneNumber, (account) => {
        for (const page of pagesOf(account)) {
          page.setState("OPENING");
          page.setState("CONNECTED");
        }
      }),
    setState: async (target, state) => {
      const pages = targets(target);
      for (const page of pages) page.setState(state);
      await Promise.all(pages.map((page) => page.caughtUp()));
    },
    failStorage: async (target, wiped = false) =>
      targets(target).forEach((page) => page.push({ push: "failStorage", wiped })),
    hangPage: async (target, milliseconds = 3_600_000) =>
      targets(target).forEach((page) => page.push({ push: "hang", milliseconds })),
    crashPage: async (target) => targets(target).forEach((page) => page.push({ push: "crash" })),

    registerNumber: async (number) => directory.register(number, true),
    unregisterNumber: async (number) => directory.register(number, false),
    addGroup: (phoneNumber, id, { subject, participants, announce = false, description, admins = [] }) =>
      happens(phoneNumber, (account) => {
        const group = {
          subject,
          participants: participants.map(chatOf),
          announce,
          admins: admins.map(chatOf),
          ...(description !== undefined && { description }),
        };
        account.history.setGroup(id, group);
        const people = doings.people(group.participants);
        tell(account, { push: "book", chats: [account.history.chat(id)], contacts: [], people });
      }),
    addContacts: (phoneNumber, contacts) =>
      happens(phoneNumber, (account) => {
        const added = contacts.map(({ phoneNumber: number, name, pushName }) => ({
          id: chatOf(number),
          name: name ?? null,
          pushname: pushName ?? null,
        }));
        for (const contact of added) account.contacts.set(contact.id, contact);
        const people = doings.people(added.map(({ id }) => id));
        tell(account, { push: "book", chats: [], contacts: added, people });
      }),

    configure: async (changes) => {
      applySettings(settings, changes);
      return settings;
    },
    pages: async () => [...pages].map((page) => page.info()),
  };
};
