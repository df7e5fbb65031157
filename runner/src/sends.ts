import type { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { SendCommand, SendRecord } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { JournaledSend } from "./journal-entries.ts";
import type { Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import { createOrder } from "./send-order.ts";
import {
  isRetryable,
  isSettled,
  limitDetails,
  newRecord,
  notSent,
  notWritten,
  pageErrorMessage,
  settledBy,
  unknownOutcome,
  whyNotTaken,
} from "./send-outcome.ts";
import { shortIdOf } from "./message-key.ts";
import { createWaiters } from "./waiters.ts";
import type { FoundMessage, WhatsAppClient, WhatsAppListener } from "./whatsapp/client.ts";

/** Sends messages once each, and knows of each what became of it. */
export type Sends = Pick<WhatsAppListener, "beforeSend" | "afterSend" | "ack"> & {
  /**
   * Sends, or joins the send of this id that there is. Returns what is known when it settled or time is up; a
   * `caller` that closes before waits no more.
   */
  send(command: SendCommand, caller?: EventEmitter): Promise<SendRecord>;
  find(messageId: string): SendRecord | undefined;
  /** Our id of the message that WhatsApp knows by this one; null if none of ours. */
  idOf(whatsappId: string): string | null;
  /** Whether a message is on its way into the page, or went in a moment ago and has no outcome yet. */
  underWay(): boolean;
  /** Looks up, in a page that has synced, what is not settled yet. */
  reconcile(client: WhatsAppClient): Promise<void>;
  /** The account is gone, and with it every way to learn more. */
  giveUp(): void;
  /** Answers all callers with what is known now. */
  release(): void;
};

type Limits = {
  /** Longest time until the page asks for the gate; for a text, and for a file, which is uploaded before. */
  textMs: number;
  mediaMs: number;
  /** When a message that passed the gate and is not settled is looked up; the last time decides if it is unknown. */
  lookUpAfterMs: readonly number[];
};
const defaultLimits: Limits = { textMs: 30_000, mediaMs: 180_000, lookUpAfterMs: [5_000, 30_000] };

/** How long a page gets to show that it lives, after a message did not get as far as the gate. */
const ALIVE_MS = 2_000;

/** Messages whose acks are still told by our id. */
const MAX_FOLLOWED = 50_000;

type Deps = {
  journal: Journal;
  /** The page, while it is connected. */
  connected: () => WhatsAppClient | null;
  /** The chat's id for a number or chat id; null: not on WhatsApp. */
  chatOf: (client: WhatsAppClient, to: string) => Promise<string | null>;
  log: Logger;
  limits?: Limits;
};

export const createSends = ({ journal, connected, chatOf, log, limits = defaultLimits }: Deps): Sends => {
  const inOrder = createOrder();
  const callers = createWaiters();
  const gatePassed = new Map<string, () => void>();
  /** Keys of messages that passed the gate, while it is not too late for the page to tell of them. */
  const lookedUpLater = new Set<string>();
  const byShortId = new Map<string, string>();

  const written = (task: Promise<void>): void => {
    task.catch((cause: unknown) => log.error({ err: cause }, "the journal was not written"));
  };

  const change = (before: JournaledSend, after: JournaledSend): void => {
    const { messageId, outcome, error } = after;
    written(journal.noteSend(after));
    if (outcome === before.outcome) return;
    log.debug({ messageId, outcome, error: error?.code }, "send settled");
    if (!callers.wake(messageId))
      written(journal.addEvent({ type: "send_settled", record: toRecord(after) }));
  };

  const settle = (messageId: string, outcome: (send: JournaledSend) => JournaledSend): void => {
    const send = journal.send(messageId);
    if (send !== undefined && !isSettled(send)) change(send, outcome(send));
  };

  const learn = (messageId: string, found: FoundMessage): void => {
    const send = journal.send(messageId);
    if (send === undefined) return;
    const after = settledBy(send, found);
    if (after === send) return;
    if (after.outcome === "sent" && !isSettled(send)) passStep("send.taken", { messageId });
    change(send, after);
  };

  /** Learns what the page knows of these; answers those it does not know. */
  const lookUp = async (
    client: WhatsAppClient,
    sends: readonly JournaledSend[],
  ): Promise<JournaledSend[]> => {
    const found = await client.findMessages(sends.map(({ key }) => key!));
    const byId = new Map(found.map((message) => [message.shortId, message]));
    return sends.filter(({ messageId, key }) => {
      const message = byId.get(shortIdOf(key!));
      if (message !== undefined) learn(messageId, message);
      return message === undefined;
    });
  };

  /** A page that falls silent about a message is asked about it. */
  const lookUpLater = async (messageId: string, key: string): Promise<void> => {
    let waitedMs = 0;
    let missing = false;
    for (const afterMs of limits.lookUpAfterMs) {
      await delay(afterMs - waitedMs, undefined, { ref: false });
      waitedMs = afterMs;
      const send = journal.send(messageId);
      const client = connected();
      if (send === undefined || isSettled(send) || send.key !== key) return;
      if (client === null) missing = false; // the next page that syncs is asked
      else missing = (await lookUp(client, [send])).length > 0;
    }
    if (missing) settle(messageId, unknownOutcome);
  };

  const follow = (messageId: string, key: string): void => {
    byShortId.set(shortIdOf(key), messageId);
    if (byShortId.size > MAX_FOLLOWED) byShortId.delete(byShortId.keys().next().value!);
  };

  const hand = async (command: SendCommand, client: WhatsAppClient): Promise<void> => {
    const { messageId, to, type, text, content, media, newChatsRefused: limit, otherForm } = command;
    const chatId =
      (await chatOf(client, to)) ?? (otherForm === undefined ? null : await chatOf(client, otherForm));
    if (chatId === null) settle(messageId, notSent("not_on_whatsapp", "This number is not on WhatsApp."));
    else if (limit !== undefined && !(await client.knowsChat(chatId)))
      settle(messageId, notSent(limit, limitDetails[limit]));
    else if (journal.send(messageId)?.outcome === "pending") {
      await client.send({ ref: messageId, chatId, type, text, content, media });
    }
  };

  /** Resolves when the message passed the gate, or when it is sure that it never will. */
  const run = async (command: SendCommand, client: WhatsAppClient): Promise<void> => {
    const { messageId, media } = command;
    if (connected() !== client) return settle(messageId, notConnected);
    const passed = new Promise<void>((resolve) => gatePassed.set(messageId, resolve));
    const late = timeout(media === null ? limits.textMs : limits.mediaMs);
    const cause = await Promise.race([passed, hand(command, client), late.error]).then(
      () => undefined,
      (error: unknown) => error ?? new Error("failed without a reason"),
    );
    late.clear();
    gatePassed.delete(messageId);
    // With a key it is known by that; one that is settled may be sent again meanwhile, which this is no part of.
    const send = journal.send(messageId);
    if (send === undefined || send.key !== null || isSettled(send)) return;
    // Without a key the gate was not passed, and from now on it stays shut for this message.
    const alive = connected() === client && (await client.answers(ALIVE_MS)) === "answering";
    if (journal.send(messageId) === send)
      settle(messageId, alive ? whyNotTaken(command, cause) : notConnected);
  };

  for (const { messageId, key } of journal.sends()) {
    if (key !== null) follow(messageId, key);
    else settle(messageId, notConnected);
  }

  return {
    send: async (command, caller) => {
      const { messageId, attempt, to, timeoutMs } = command;
      if (isNew(journal.send(messageId), attempt)) {
        const client = journal.trouble === null ? connected() : null;
        // Nothing is kept of it: the same message may be tried again once there is a connection, and a disk that takes its key.
        if (client === null) return toRecord(notConnected(newRecord(messageId, attempt)));
        // A message without a key was not sent; nobody needs the disk to tell that.
        journal.rememberSend(newRecord(messageId, attempt));
        void inOrder(to.replace(/@c\.us$/, ""), () => run(command, client));
      }
      if (!isSettled(journal.send(messageId)!)) await callers.wait(messageId, timeoutMs, caller);
      return toRecord(journal.send(messageId)!);
    },
    find: (messageId) => {
      const send = journal.send(messageId);
      return send && toRecord(send);
    },
    idOf: (whatsappId) => byShortId.get(shortIdOf(whatsappId)) ?? null,
    beforeSend: async (ref, key) => {
      const send = journal.send(ref);
      if (send === undefined || isSettled(send) || send.key !== null) {
        throw new Error("This message is not to be sent any more.");
      }
      follow(ref, key);
      lookedUpLater.add(key); // before the record has the key: at no moment is it said that nothing is under way
      passStep("send.before_key_journaled", { messageId: ref });
      try {
        await journal.putSend({ ...send, key });
      } catch (cause) {
        lookedUpLater.delete(key);
        log.error({ err: cause, messageId: ref }, "the journal was not written");
        change(send, notWritten(send));
        throw cause;
      }
      passStep("send.key_journaled", { messageId: ref });
      gatePassed.get(ref)?.();
      void lookUpLater(ref, key)
        .catch((cause: unknown) =>
          log.warn({ err: cause, messageId: ref }, "the page was not asked about a send"),
        )
        .finally(() => lookedUpLater.delete(key));
    },
    afterSend: (ref, { found, failure, refused }) => {
      if (failure !== null)
        log.warn({ messageId: ref, failure, known: found !== null, refused }, "WhatsApp Web failed to send");
      if (found !== null) learn(ref, found);
      else if (refused) settle(ref, notSent("page_error", pageErrorMessage(failure)));
      else if (failure !== null) settle(ref, unknownOutcome);
    },
    ack: (message) => {
      const messageId = byShortId.get(message.shortId) ?? null;
      const before = messageId === null ? undefined : journal.send(messageId);
      if (messageId !== null) learn(messageId, message);
      if (before !== undefined && before.ack === message.ack) return;
      // An ack that settles the send is in the answer, or in the event that takes its place.
      if (messageId !== null && journal.send(messageId)?.outcome !== before?.outcome) return;
      written(
        journal.addEvent({ type: "message_ack", whatsappId: message.key, messageId, ack: message.ack }),
      );
    },
    underWay: () =>
      journal.sends().some((send) => !isSettled(send) && (send.key === null || lookedUpLater.has(send.key))),
    reconcile: async (client) => {
      const open = journal.sends().filter((send) => !isSettled(send) && send.key !== null);
      if (open.length === 0) return;
      for (const { messageId, key } of await lookUp(client, open)) {
        if (!lookedUpLater.has(key!)) settle(messageId, unknownOutcome);
      }
    },
    giveUp: () => {
      for (const { messageId, key } of journal.sends()) if (key !== null) settle(messageId, unknownOutcome);
    },
    release: callers.wakeAll,
  };
};

const notConnected = notSent("not_connected", "The session is not connected to WhatsApp.");

/** Nobody heard of it, or it is proven unsent for a cause that may be over, and this is another attempt. */
const isNew = (send: JournaledSend | undefined, attempt = Infinity): boolean =>
  send === undefined || (isRetryable(send) && attempt > (send.attempt ?? 0));

const toRecord = ({ key: _key, ...record }: JournaledSend): SendRecord => record;

/** Rejects after this time unless cleared before. */
const timeout = (afterMs: number): { error: Promise<never>; clear: () => void } => {
  let timer: NodeJS.Timeout | undefined;
  const error = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException("too late", "TimeoutError")), afterMs);
  });
  return { error, clear: () => clearTimeout(timer) };
};
