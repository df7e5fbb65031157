import type { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { SendCommand, SendRecord } from "@whatsapp-engine/contract";
import type { JournaledSend } from "./journal-entries.ts";
import type { Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import { createOrder } from "./send-order.ts";
import {
  isSettled,
  newRecord,
  notSent,
  settledBy,
  shortIdOf,
  unknownOutcome,
  whyNotTaken,
} from "./send-outcome.ts";
import type { FoundMessage, WhatsAppClient } from "./whatsapp/client.ts";

/** Sends messages once each, and knows of each what became of it. */
export type Sends = {
  /**
   * Sends, or joins the send of this id that there is. Answers what is known when it settled or time is up; a
   * `caller` that closes before waits no more.
   */
  send(command: SendCommand, caller?: EventEmitter): Promise<SendRecord>;
  find(messageId: string): SendRecord | undefined;
  /** The page asks before it hands a message to WhatsApp; see `WhatsAppListener`. */
  beforeSend(ref: string, key: string): Promise<void>;
  afterSend(ref: string, found: FoundMessage | null, result: string): void;
  acked(message: FoundMessage): void;
  /** Looks up, in a page that has synced, what is not settled yet. */
  reconcile(client: WhatsAppClient): Promise<void>;
  /** The account is gone, and with it every way to learn more. */
  giveUp(): void;
};

type Limits = {
  /** Longest time until the page asks for the gate; a text, and a file that is uploaded before. */
  textMs: number;
  mediaMs: number;
  /** When a message that was handed over and is not settled is looked up in the page; after the last it is unknown if the page does not know it. */
  lookUpAfterMs: readonly number[];
};
const defaultLimits: Limits = { textMs: 30_000, mediaMs: 180_000, lookUpAfterMs: [5_000, 30_000] };

type Deps = {
  journal: Journal;
  /** The page, while it is connected. */
  connected: () => WhatsAppClient | null;
  chatOf: (client: WhatsAppClient, to: string) => Promise<string | null>;
  log: Logger;
  limits?: Limits;
};

export const createSends = ({ journal, connected, chatOf, log, limits = defaultLimits }: Deps): Sends => {
  const inOrder = createOrder();
  const waiters = new Map<string, Set<() => void>>();
  const lookedUpLater = new Set<string>();
  const byShortId = new Map<string, string>();

  /** Everything the journal does for itself (disk full, …) is told once, here. */
  const keep = (send: JournaledSend): void => {
    journal
      .putSend(send)
      .catch((cause: unknown) => log.error({ err: cause, messageId: send.messageId }, "journal not written"));
  };

  const change = (before: JournaledSend, after: JournaledSend): void => {
    keep(after);
    if (after.outcome === before.outcome) return;
    log.info(
      { messageId: after.messageId, outcome: after.outcome, error: after.error?.code },
      "send settled",
    );
    const waiting = [...(waiters.get(after.messageId) ?? [])];
    for (const wake of waiting) wake();
    if (waiting.length === 0) {
      journal
        .addEvent({ type: "send_settled", record: toRecord(after) })
        .catch((cause: unknown) =>
          log.error({ err: cause, messageId: after.messageId }, "journal not written"),
        );
    }
  };

  const settle = (messageId: string, outcome: (send: JournaledSend) => JournaledSend): void => {
    const send = journal.send(messageId);
    if (send !== undefined && !isSettled(send)) change(send, outcome(send));
  };

  const learn = (messageId: string, found: FoundMessage): void => {
    const send = journal.send(messageId);
    if (send === undefined) return;
    const after = settledBy(send, found);
    if (after !== send) change(send, after);
  };

  const lookUp = async (
    client: WhatsAppClient,
    sends: readonly JournaledSend[],
  ): Promise<JournaledSend[]> => {
    const found = await client.findMessages(sends.map(({ key }) => key!));
    const byId = new Map(found.map((message) => [message.shortId, message]));
    return sends.filter((send) => {
      const message = byId.get(shortIdOf(send.key!));
      if (message !== undefined) learn(send.messageId, message);
      return message === undefined;
    });
  };

  /** A page that falls silent about a message is asked about it. */
  const lookUpLater = async (messageId: string): Promise<void> => {
    lookedUpLater.add(messageId);
    let waited = 0;
    let missing: JournaledSend[] = [];
    for (const afterMs of limits.lookUpAfterMs) {
      await delay(afterMs - waited, undefined, { ref: false });
      waited = afterMs;
      const send = journal.send(messageId);
      const client = connected();
      if (send === undefined || isSettled(send) || client === null) break;
      missing = await lookUp(client, [send]).catch(() => []);
    }
    lookedUpLater.delete(messageId);
    for (const send of missing) settle(send.messageId, unknownOutcome);
  };

  const run = async (command: SendCommand, client: WhatsAppClient): Promise<void> => {
    const { messageId, to, type, text, media } = command;
    const limitMs = media === null ? limits.textMs : limits.mediaMs;
    const late = AbortSignal.timeout(limitMs);
    const attempt = async (): Promise<unknown> => {
      if (connected() !== client) return settle(messageId, notConnected);
      const chatId = await chatOf(client, to);
      if (chatId === null)
        return settle(messageId, notSent("not_on_whatsapp", "This number is not on WhatsApp."));
      if (journal.send(messageId)?.outcome !== "pending") return;
      return client.send({ ref: messageId, chatId, type, text, media });
    };
    const cause = await raceWith(late, attempt()).then(
      () => undefined,
      (error: unknown) => error ?? new Error("failed without a reason"),
    );
    // Without a key the gate was not passed, and from now on it stays shut for this message.
    if (journal.send(messageId)?.key === null) settle(messageId, whyNotTaken(command, cause));
  };

  const wait = async (
    messageId: string,
    timeoutMs: number,
    caller: EventEmitter | undefined,
  ): Promise<void> => {
    const waiting = waiters.get(messageId) ?? new Set();
    waiters.set(messageId, waiting);
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        caller?.off("close", wake);
        waiting.delete(wake);
        if (waiting.size === 0) waiters.delete(messageId);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      caller?.once("close", wake);
      waiting.add(wake);
    });
  };

  for (const { messageId, key } of journal.sends()) {
    if (key !== null) byShortId.set(shortIdOf(key), messageId);
    else settle(messageId, notSent("rejected", "The runner ended before it handed the message to WhatsApp."));
  }

  return {
    send: async (command, caller) => {
      const { messageId } = command;
      if (journal.send(messageId) === undefined) {
        const client = connected();
        // Nothing is kept of it: the same message may be tried again once there is a connection.
        if (client === null) return toRecord(notConnected(newRecord(messageId)));
        keep(newRecord(messageId));
        void inOrder(command.to.replace(/@c\.us$/, ""), () => run(command, client));
      }
      if (!isSettled(journal.send(messageId)!)) await wait(messageId, command.timeoutMs, caller);
      return toRecord(journal.send(messageId)!);
    },
    find: (messageId) => {
      const send = journal.send(messageId);
      return send && toRecord(send);
    },
    beforeSend: async (ref, key) => {
      const send = journal.send(ref);
      if (send === undefined || isSettled(send) || send.key !== null)
        throw new Error("This message is not to be sent any more.");
      byShortId.set(shortIdOf(key), ref);
      try {
        await journal.putSend({ ...send, key });
      } catch (cause) {
        log.error({ err: cause, messageId: ref }, "journal not written");
        change(send, notSent("rejected", "The runner cannot write its journal, so nothing was sent.")(send));
        throw cause;
      }
      void lookUpLater(ref);
    },
    afterSend: (ref, found, result) => {
      log.debug({ messageId: ref, result, known: found !== null }, "page is done with a send");
      if (found !== null) learn(ref, found);
    },
    acked: (message) => {
      const messageId = byShortId.get(message.shortId) ?? null;
      const before = messageId === null ? undefined : journal.send(messageId);
      if (messageId !== null) learn(messageId, message);
      if (before?.ack === message.ack) return;
      journal
        .addEvent({ type: "message_ack", whatsappId: message.key, messageId, ack: message.ack })
        .catch((cause: unknown) => log.error({ err: cause }, "journal not written"));
    },
    reconcile: async (client) => {
      const open = journal.sends().filter((send) => !isSettled(send) && send.key !== null);
      if (open.length === 0) return;
      const missing = await lookUp(client, open);
      for (const { messageId } of missing)
        if (!lookedUpLater.has(messageId)) settle(messageId, unknownOutcome);
    },
    giveUp: () => {
      for (const send of journal.sends()) {
        if (send.key !== null) settle(send.messageId, unknownOutcome);
      }
    },
  };
};

const notConnected = notSent("not_connected", "The session is not connected to WhatsApp.");

const toRecord = ({ key: _key, ...record }: JournaledSend): SendRecord => record;

const raceWith = async (signal: AbortSignal, task: Promise<unknown>): Promise<unknown> => {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([task, aborted]);
};
