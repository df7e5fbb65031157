import { runnerEventSchema } from "@whatsapp-engine/contract";
import type { InboundEvent } from "./inbound.ts";
import type { Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import type { WhatsAppClient } from "./whatsapp/client.ts";

/** Journals what comes in, each once. */
export type Inbox = {
  received(event: InboundEvent): void;
  /** Takes in what came while nobody listened: since the newest message that is known, or since the account was linked. */
  sweep(client: WhatsAppClient, linkedAt: string | null): Promise<void>;
};

/** Messages of one moment may come in any order, and clocks differ. */
const OVERLAP_SECONDS = 600;

type Deps = {
  journal: Journal;
  /** Our id of a message of ours, if this profile sent it. */
  messageIdOf: (whatsappId: string) => string | null;
  log: Logger;
};

export const createInbox = ({ journal, messageIdOf, log }: Deps): Inbox => {
  const received = (told: InboundEvent): void => {
    if (journal.hasSeen(told)) return;
    const event =
      told.type === "message_reaction" ? { ...told, messageId: messageIdOf(told.whatsappId) } : told;
    // What the page says is no promise of ours; one line that the control plane cannot read would stop them all.
    const { error } = runnerEventSchema.safeParse(event);
    if (error !== undefined) return log.error({ err: error, type: told.type }, "the page told nonsense");
    journal
      .addEvent(event)
      .catch((cause: unknown) => log.error({ err: cause }, "the journal was not written"));
  };

  return {
    received,
    sweep: async (client, linkedAt) => {
      if (linkedAt === null) return;
      const linked = Math.floor(Date.parse(linkedAt) / 1000);
      const since = Math.max(linked, journal.newestMessageAt() - OVERLAP_SECONDS);
      for (const event of await client.inboundSince(since)) received(event);
    },
  };
};
