import type { Account } from "./accounts.ts";
import { pause } from "./clock.ts";
import { digitsOf, isPerson, type Directory } from "./directory.ts";
import type { Fault, Faults } from "./faults.ts";
import type { StoredMessage } from "./history.ts";
import type { MediaStore } from "./media-store.ts";
import type { PageSession } from "./page-session.ts";
import type { Settings } from "./settings.ts";
import { keyText, type Verdict, type WireMessage } from "./wire.ts";

/** A message that WhatsApp's server took. */
export type SentMessage = {
  /** The key's text, as the page has it. */
  id: string;
  account: string;
  /** The recipient as `…@c.us` (or `…@g.us`), whatever its chat is addressed by. */
  to: string;
  type: string;
  body: string;
  caption: string | null;
  filename: string | null;
  mimetype: string | null;
  mediaSha256: string | null;
  mediaSize: number | null;
  location: { latitude: number; longitude: number; name: string | null; address: string | null } | null;
  vcards: string[];
  poll: { question: string; options: string[]; multiple: boolean } | null;
  /** The message it answers, by its key's text. */
  quotedId: string | null;
  mentions: string[];
  edited: boolean;
  revoked: boolean;
  ack: number;
  /** ISO 8601 */
  at: string;
};

/** A message that WhatsApp's server refused, and its code. */
export type RefusedMessage = { account: string; to: string; body: string; code: number };

/** What a refusal says that nothing else is known of. */
const REFUSED = 479;

type Deps = {
  settings: Settings;
  faults: Faults;
  directory: Directory;
  media: MediaStore;
  tellAccount: (account: Account, id: string, ack: number, error?: number) => void;
};

/** What the page does for each fault, and whether the message exists at all. */
const verdicts: Record<Fault["kind"], (taken: boolean) => Omit<Verdict, "remote">> = {
  undefined: () => ({ answer: "omit", added: false }),
  throw: (taken) => ({ answer: "throw", added: taken }),
  strand: () => ({ answer: "strand", added: false }),
  hang: (taken) => ({ answer: "hang", added: taken }),
  silence: () => ({ answer: "answer", added: true }),
  refuse: () => ({ answer: "answer", added: true }),
  late: () => ({ answer: "answer", added: true }),
};

/** A message's content in words. */
const shown = ({ type, body, content = {} }: WireMessage, { history }: Account) => {
  const { lat, lng, loc, vcardList, pollName, pollOptions, pollSelectableOptionsCount } = content;
  const [name, address] = loc?.split("\n") ?? [];
  const quoted = content.quotedStanzaID === undefined ? undefined : history.find(content.quotedStanzaID);
  return {
    location:
      lat === undefined || lng === undefined
        ? null
        : { latitude: lat, longitude: lng, name: name || null, address: address ?? null },
    vcards: type === "vcard" ? [body] : (vcardList?.map(({ vcard }) => vcard) ?? []),
    poll:
      pollName === undefined
        ? null
        : {
            question: pollName,
            options: pollOptions?.map((option) => option.name) ?? [],
            multiple: pollSelectableOptionsCount === 0,
          },
    quotedId: quoted ? keyText(quoted.key) : (content.quotedStanzaID ?? null),
    mentions: content.mentionedJidList ?? [],
  };
};

/** The way of a message from the page to WhatsApp's server, and its first ack. */
export const createOutbox = ({ settings, faults, directory, media, tellAccount }: Deps) => {
  /** Everything the server ever took, also what a page has lost since. */
  const taken = new Map<StoredMessage, { account: Account; at: string }>();

  /** What the server refused, oldest first. */
  const refusals: RefusedMessage[] = [];

  const acknowledge = (account: Account, message: StoredMessage, ack: number, error?: number) => {
    message.ack = ack;
    tellAccount(account, keyText(message.key), ack, error);
  };

  const refuse = async (account: Account, message: StoredMessage, code: number) => {
    await pause(settings.delays.takeMs);
    const { phoneNumber } = account;
    refusals.push({ account: phoneNumber, to: numberOf(message.to), body: message.body, code });
    acknowledge(account, message, -1, code);
  };

  /** Whether the account may not write there, and why. `message` stands in the chat already. */
  const limitOn = ({ limit, history }: Account, message: StoredMessage): number | undefined => {
    const { remote } = message.key;
    if (limit === null || !isPerson(remote) || (limit.until !== undefined && Date.now() >= limit.until))
      return undefined;
    const known = history
      .all()
      .some((one) => one !== message && one.key.remote === remote && (!one.key.fromMe || one.ack >= 1));
    const also = limit.alsoTo?.some((number) => digitsOf(number) === digitsOf(numberOf(message.to)));
    return known && !also ? undefined : limit.code;
  };

  /** As `…@c.us` (or `…@g.us`), whatever the chat is addressed by. */
  const numberOf = (to: string): string => (to.endsWith("@g.us") ? to : (directory.find(to)?.pn ?? to));

  const take = async (account: Account, message: StoredMessage, ackMs: number | null) => {
    message.queued = false;
    await pause(settings.delays.takeMs);
    // WhatsApp knows a message by its id: sent again after a restart, it is still the same one.
    if (!taken.has(message)) taken.set(message, { account, at: new Date().toISOString() });
    if (ackMs === null) return;
    if (ackMs > 0) await pause(ackMs);
    if (message.ack < 1) acknowledge(account, message, 1);
  };

  const proceed = async (account: Account, message: StoredMessage, fault: Fault | undefined) => {
    if (fault?.kind === "silence" && !fault.taken) return;
    const refusal = fault?.kind === "refuse" ? (fault.code ?? REFUSED) : limitOn(account, message);
    if (refusal !== undefined) return refuse(account, message, refusal);
    const ackMs = fault?.kind === "late" ? fault.ackMs : settings.delays.ackMs;
    await take(account, message, fault?.kind === "silence" ? null : ackMs);
  };

  const siblingOf = (remote: string): string =>
    settings.lids === "sibling" && remote.endsWith("@c.us")
      ? (directory.find(remote)?.lid ?? remote)
      : remote;

  /** What an earlier page sent and had no ack for. */
  const waiting = (account: Account, page: PageSession) =>
    account.history.all().filter(({ key, ack, pageId }) => key.fromMe && ack === 0 && pageId !== page.id);

  return {
    acknowledge,

    send: (page: PageSession, account: Account, asked: WireMessage): Verdict => {
      const listing = directory.find(asked.key.remote);
      const fault = faults.take([asked.key.remote, ...(listing ? [listing.pn, listing.lid] : [])]);
      const taken = fault !== undefined && "taken" in fault ? fault.taken : true;
      const remote = siblingOf(asked.key.remote);
      const verdict = fault ? verdicts[fault.kind](taken) : { answer: "answer" as const, added: true };
      if (!verdict.added && verdict.answer !== "omit") return { ...verdict, remote };

      const queued = !page.connected();
      const key = { ...asked.key, remote };
      const message: StoredMessage = { ...asked, key, queued, pageId: page.id };
      account.history.add(message);
      if (!queued) void proceed(account, message, fault);
      return { ...verdict, remote };
    },

    /** The connection is back: WhatsApp Web sends what waited. */
    flush: (account: Account) => {
      for (const message of account.history.all())
        if (message.queued) void take(account, message, settings.delays.ackMs);
    },

    /** The browser comes up again, without what its queue held, where that is set. */
    loseQueue: (account: Account, page: PageSession) => {
      if (settings.queueAfterRestart === "lose") waiting(account, page).forEach(account.history.remove);
    },
    /** The browser came up again: its queue sends what had no ack, unless set otherwise. */
    resumeQueue: (account: Account, page: PageSession) => {
      if (settings.queueAfterRestart !== "send") return;
      for (const message of waiting(account, page)) void take(account, message, settings.delays.ackMs);
    },

    refusals: (): readonly RefusedMessage[] => refusals,

    sent: (): SentMessage[] =>
      [...taken].map(([message, { account, at }]) => {
        const file = media.get(message.media?.directPath);
        const { key, revoked, editedAt } = message;
        const { location, vcards, poll, quotedId, mentions } = shown(message, account);
        return {
          id: keyText(revoked?.key ?? key),
          account: account.phoneNumber,
          to: numberOf(message.to),
          type: message.type,
          body: message.body,
          caption: message.caption ?? null,
          filename: message.media?.filename ?? null,
          mimetype: message.media?.mimetype ?? null,
          mediaSha256: file?.sha256 ?? null,
          mediaSize: file?.bytes.length ?? null,
          location,
          vcards,
          poll,
          quotedId,
          mentions,
          edited: editedAt !== undefined,
          revoked: revoked !== undefined,
          ack: message.ack,
          at,
        };
      }),
  };
};
