import type { Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import type { InboundMessage, WhatsAppClient } from "./whatsapp/client.ts";

/** Journals messages that come in, each once. */
export type Inbox = {
  received(message: InboundMessage): void;
  /** Takes in what came while nobody listened: since the newest message that is known, or since the account was linked. */
  sweep(client: WhatsAppClient, linkedAt: string | null): Promise<void>;
};

/** Messages of one moment may come in any order, and clocks differ. */
const OVERLAP_SECONDS = 600;
/** Ids that are remembered, to know a message that comes twice. */
const MAX_KNOWN = 20_000;

export const createInbox = ({ journal, log }: { journal: Journal; log: Logger }): Inbox => {
  const known = new Set<string>();
  let newest = 0;

  const remember = (key: string, unixSeconds: number): void => {
    known.add(key);
    newest = Math.max(newest, unixSeconds);
    if (known.size > MAX_KNOWN) known.delete(known.values().next().value!);
  };
  for (const { event } of journal.eventsAfter(0)) {
    if (event.type === "message_received") remember(event.whatsappId, Date.parse(event.timestamp) / 1000);
  }

  const received = ({ key, from, kind, body, unixSeconds }: InboundMessage): void => {
    if (known.has(key)) return;
    remember(key, unixSeconds);
    const timestamp = new Date(unixSeconds * 1000).toISOString();
    journal
      .addEvent({ type: "message_received", whatsappId: key, from, kind, body, timestamp })
      .catch((cause: unknown) => log.error({ err: cause }, "journal not written"));
  };

  return {
    received,
    sweep: async (client, linkedAt) => {
      if (linkedAt === null) return;
      const linked = Math.floor(Date.parse(linkedAt) / 1000);
      const messages = await client.receivedSince(Math.max(linked, newest - OVERLAP_SECONDS));
      messages.forEach(received);
    },
  };
};
