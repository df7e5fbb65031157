import { problemsAsText } from "@whatsapp-engine/contract/api";
import { runnerEventSchema } from "@whatsapp-engine/contract/runner";
import type { Journal } from "./journal.ts";
import type { Logger } from "./logger.ts";
import type { Unread } from "./unread.ts";
import type { WhatsAppClient } from "./whatsapp/client.ts";

/** Journals what comes in, each once. */
export type Inbox = {
  received(told: unknown): void;
  /** Takes in what came while nobody listened: since the newest message that is known, or since the account was linked. */
  sweep(client: WhatsAppClient, linkedAt: string | null): Promise<void>;
};

/** Messages of one moment may come in any order, and clocks differ. */
const OVERLAP_SECONDS = 600;

type Deps = {
  journal: Journal;
  /** Our id of a message of ours, if this profile sent it. */
  messageIdOf: (whatsappId: string) => string | null;
  unread: Pick<Unread, "keep">;
  log: Logger;
};

export const createInbox = ({ journal, messageIdOf, unread, log }: Deps): Inbox => {
  const received = (told: unknown): void => {
    // What the page says is no promise of ours, and most of it is a stranger's.
    const { data, error } = runnerEventSchema.safeParse(told);
    if (data === undefined) return unread.keep("page", problemsAsText(error), String(JSON.stringify(told)));
    if (journal.hasSeen(data)) return;
    const event =
      data.type === "message_reaction" ? { ...data, messageId: messageIdOf(data.whatsappId) } : data;
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
