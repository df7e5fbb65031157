import { randomUUID } from "node:crypto";
import { digitsOf, type Directory } from "./directory.ts";
import { createHistory, type History } from "./history.ts";
import type { Credentials, Me, WireContact, WireLimits } from "./wire.ts";

export type Account = {
  phoneNumber: string;
  me: Me;
  /** Secrets of the linked browsers by device id. */
  devices: Map<string, string>;
  history: History;
  /** By id. */
  contacts: Map<string, WireContact>;
  limit: AccountLimit | null;
};

/** Keeps an account from writing to people it does not know: those whose chat has no message but refused ones. */
export type AccountLimit = {
  /** As WhatsApp's server names it: 463 for some time, 475 until the month is over. */
  code: 463 | 475;
  /** Unix time in milliseconds; left out: until it is lifted. */
  until?: number;
  /** Whether the page is told, with the end. */
  told?: boolean;
  /** Numbers that are refused though their chats have messages. */
  alsoTo?: string[];
};

/** What the page is told of it. */
export const shownLimits = ({ limit }: Account): WireLimits => {
  const until = limit?.told ? (limit.until ?? null) : null;
  return {
    lockedUntil: limit?.code === 463 ? until : null,
    cappedUntil: limit?.code === 475 && until !== null ? Math.floor(until / 1000) : null,
  };
};

/** Who pairs: what the phone that scans a code stands for. */
export type Phone = { phoneNumber: string; pushName?: string; lid?: string };

/** Accounts live as long as the simulator; browsers come and go. */
export const createAccounts = (directory: Directory) => {
  const accounts = new Map<string, Account>();

  const create = (phoneNumber: string): Account => {
    const me = { pn: `${phoneNumber}@c.us`, lid: "", pushName: `Simulated ${phoneNumber}` };
    const account = {
      phoneNumber,
      me,
      devices: new Map<string, string>(),
      history: createHistory(),
      contacts: new Map<string, WireContact>(),
      limit: null,
    };
    accounts.set(phoneNumber, account);
    return account;
  };

  return {
    all: () => [...accounts.values()],

    get: (phoneNumber: string): Account => {
      const account = accounts.get(digitsOf(phoneNumber));
      if (!account) throw new Error(`No account ${phoneNumber} was ever linked.`);
      return account;
    },

    /** Links a browser to the phone's account, which keeps its history if it was linked before. */
    link: ({ phoneNumber, pushName, lid }: Phone): { account: Account; credentials: Credentials } => {
      const digits = digitsOf(phoneNumber);
      const account = accounts.get(digits) ?? create(digits);
      if (lid !== undefined) directory.setLid(digits, digitsOf(lid));
      account.me.lid = `${directory.lidOf(digits)}@lid`;
      if (pushName !== undefined) account.me.pushName = pushName;
      const credentials = { deviceId: randomUUID(), secret: randomUUID() };
      account.devices.set(credentials.deviceId, credentials.secret);
      return { account, credentials };
    },

    /** The account that these credentials are valid for. */
    login: ({ deviceId, secret }: Credentials): Account | undefined =>
      [...accounts.values()].find(({ devices }) => devices.get(deviceId) === secret),
  };
};
export type Accounts = ReturnType<typeof createAccounts>;
