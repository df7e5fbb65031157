import { randomBytes } from "node:crypto";
import type { Phone } from "./accounts.ts";
import { digitsOf } from "./directory.ts";
import type { Fault, FaultScope } from "./faults.ts";
import type { StoredMessage } from "./history.ts";
import type { SentMessage } from "./outbox.ts";
import type { PageInfo, PageSession } from "./page-session.ts";
import { applySettings, type Settings, type SettingsChanges } from "./settings.ts";
import { keyText, type WireMedia } from "./wire.ts";
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
  /** Written by the account itself, on its phone, to `from`. */
  fromPhone?: boolean;
};

export type Group = { subject: string; participants: string[]; announce?: boolean };

/** Everything that can be made to happen. `account` is the phone number of a linked account. */
export type Control = {
  /** Scans a code as the phone of an account would. */
  scan(qr: string, phone: Phone): Promise<{ account: string; lid: string }>;
  /** Enters a pairing code on the phone. */
  enterPairingCode(code: string, phone: Phone): Promise<{ account: string; lid: string }>;
  /** Scans a code, and linking fails. */
  failPairing(qr: string): Promise<void>;
  /** The code's time is over. */
  expireQr(qr: string): Promise<void>;

  deliver(account: string, message: Inbound): Promise<{ id: string }>;
  ack(account: string, messageId: string, level: number): Promise<void>;
  /** What WhatsApp's server took, of one account or of all, oldest first. */
  sent(account?: string): Promise<SentMessage[]>;
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
  hangPage(target: string, milliseconds?: number): Promise<void>;
  crashPage(target: string): Promise<void>;

  registerNumber(number: string): Promise<void>;
  unregisterNumber(number: string): Promise<void>;
  addGroup(account: string, id: string, group: Group): Promise<void>;

  configure(changes: SettingsChanges): Promise<Settings>;
  pages(): Promise<PageInfo[]>;
};

export const createControl = ({
  settings,
  directory,
  accounts,
  faults,
  media,
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
    if (id.endsWith("@g.us")) return id;
    const asked = id.includes("@") ? id : `${digitsOf(id)}@c.us`;
    return directory.find(asked)?.chat ?? asked;
  };

  return {
    scan: async (qr, phone) => pair(showing(qr), phone),
    failPairing: async (qr) => showing(qr).failPairing(),
    expireQr: async (qr) => showing(qr).nextCode(),
    enterPairingCode: async (code, phone) => {
      const page = [...pages].find((one) => one.pairingCode() === code);
      if (!page) throw new Error("No page shows this pairing code now.");
      return pair(page, phone);
    },

    deliver: async (phoneNumber, inbound) => {
      const { from, body = "", type, author, pushName, media: file, caption, fromPhone = false } = inbound;
      const account = accounts.get(phoneNumber);
      const remote = chatOf(from);
      const participant = author === undefined ? undefined : chatOf(author);
      const message: StoredMessage = {
        key: {
          fromMe: fromPhone,
          remote,
          id: `3A${randomBytes(9).toString("hex").toUpperCase()}`,
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
        queued: false,
        pageId: null,
      };
      account.history.add(message);
      tell(account, { push: "message", message, chat: account.history.chat(remote) });
      return { id: keyText(message.key) };
    },

    ack: async (phoneNumber, messageId, level) => {
      const account = accounts.get(phoneNumber);
      const message = account.history.find(messageId);
      if (!message) throw new Error(`The account ${phoneNumber} has no message ${messageId}.`);
      outbox.acknowledge(account, message, level);
    },

    sent: async (account) =>
      outbox.sent().filter((message) => account === undefined || message.account === digitsOf(account)),

    fault: async (fault, scope = "next") => faults.add(fault, scope),
    clearFaults: async () => faults.clear(),

    logoutFromPhone: async (phoneNumber) => {
      const account = accounts.get(phoneNumber);
      account.devices.clear();
      for (const page of pagesOf(account)) page.endLogin(true);
    },
    linkedDevices: async (phoneNumber) => accounts.get(phoneNumber).devices.size,
    drop: async (phoneNumber, state = "TIMEOUT") => {
      for (const page of pagesOf(accounts.get(phoneNumber))) page.setState(state);
    },
    restore: async (phoneNumber) => {
      for (const page of pagesOf(accounts.get(phoneNumber))) {
        page.setState("OPENING");
        page.setState("CONNECTED");
      }
    },
    setState: async (target, state) => targets(target).forEach((page) => page.setState(state)),
    hangPage: async (target, milliseconds = 3_600_000) =>
      targets(target).forEach((page) => page.push({ push: "hang", milliseconds })),
    crashPage: async (target) => targets(target).forEach((page) => page.push({ push: "crash" })),

    registerNumber: async (number) => directory.register(number, true),
    unregisterNumber: async (number) => directory.register(number, false),
    addGroup: async (phoneNumber, id, { subject, participants, announce = false }) =>
      accounts
        .get(phoneNumber)
        .history.setGroup(id, { subject, participants: participants.map(chatOf), announce }),

    configure: async (changes) => {
      applySettings(settings, changes);
      return settings;
    },
    pages: async () => [...pages].map((page) => page.info()),
  };
};
