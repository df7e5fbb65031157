import { and, eq, inArray, sql } from "drizzle-orm";
import { messages, type Db, type MessageRow, type Tx } from "@whatsapp-engine/db";
import type { MessageStatus, SendRecord } from "@whatsapp-engine/contract";
import type { Clock } from "../clock.ts";

export type { MessageRow };
export type MessageStore = ReturnType<typeof createMessageStore>;
export type NewMessage = Pick<
  MessageRow,
  | "id"
  | "sessionId"
  | "recipient"
  | "type"
  | "body"
  | "mediaSha256"
  | "mediaMimetype"
  | "mediaFilename"
  | "mediaBytes"
>;

/** A message never goes back: what is further right has the last word. */
const ORDER: readonly MessageStatus[] = [
  "queued",
  "sending",
  "unknown",
  "failed",
  "sent",
  "delivered",
  "read",
];
const earlierThan = (status: MessageStatus) => ORDER.slice(0, ORDER.indexOf(status));

/** What WhatsApp's acknowledgement means: 1 server, 2 device, 3 read, 4 played. */
const statusOfAck = (ack: number): MessageStatus => (ack >= 3 ? "read" : ack === 2 ? "delivered" : "sent");

/** Rows of outbound messages. */
export function createMessageStore({ db, clock }: { db: Db; clock: Clock }) {
  type Settled = Partial<Pick<MessageRow, "whatsappId" | "errorCode" | "errorMessage" | "sentAt">>;

  /** Moves forward only; a move that would go back changes nothing. */
  function advance(tx: Tx | Db, id: string, status: MessageStatus, settled: Settled = {}): void {
    tx.update(messages)
      .set({ status, ...settled, updatedAt: clock.now() })
      .where(and(eq(messages.id, id), inArray(messages.status, earlierThan(status))))
      .run();
  }

  /** WhatsApp has it. Its first time stands, whether the answer or the acknowledgement came first. */
  function taken(tx: Tx | Db, id: string, ack: number, whatsappId: string | null, at: number): void {
    advance(tx, id, statusOfAck(ack), { errorCode: null, errorMessage: null });
    tx.update(messages)
      .set({
        whatsappId: sql`coalesce(${whatsappId}, ${messages.whatsappId})`,
        sentAt: sql`min(coalesce(${messages.sentAt}, ${at}), ${at})`,
      })
      .where(eq(messages.id, id))
      .run();
  }

  return {
    /** Commits the message as `sending`, before anything goes out. */
    add(message: NewMessage): MessageRow {
      const now = clock.now();
      return db
        .insert(messages)
        .values({ ...message, status: "sending", createdAt: now, updatedAt: now })
        .returning()
        .get();
    },

    find: (id: string): MessageRow | undefined => db.select().from(messages).where(eq(messages.id, id)).get(),

    /** Messages whose outcome was not settled yet. Read from the partial index `messages_sending`. */
    sendingOf: (sessionId: string): { id: string; createdAt: number }[] =>
      db
        .select({ id: messages.id, createdAt: messages.createdAt })
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), sql`${messages.status} = 'sending'`))
        .all(),

    /** Nobody can tell any more what became of it. */
    giveUp(id: string): void {
      advance(db, id, "unknown", {
        errorCode: "outcome_unknown",
        errorMessage: "Nobody knows any more what became of it.",
      });
    },

    fail(id: string, errorCode: string, errorMessage: string): void {
      advance(db, id, "failed", { errorCode, errorMessage });
    },

    /** Takes over what the runner says became of a send. */
    settle(record: SendRecord, tx: Tx | Db = db): void {
      const { messageId, outcome, whatsappId, ack, timestamp, error } = record;
      if (outcome === "pending") {
        if (whatsappId !== null)
          tx.update(messages).set({ whatsappId }).where(eq(messages.id, messageId)).run();
      } else if (outcome === "sent") {
        taken(tx, messageId, ack ?? 1, whatsappId, timestamp === null ? clock.now() : Date.parse(timestamp));
      } else {
        const settled = { whatsappId, errorCode: error?.code ?? null, errorMessage: error?.message ?? null };
        advance(tx, messageId, outcome === "unknown" ? "unknown" : "failed", settled);
      }
    },

    /** Takes over an acknowledgement that came at `at`, ISO 8601. */
    acknowledge(
      tx: Tx,
      { messageId, whatsappId, ack }: { messageId: string | null; whatsappId: string; ack: number },
      at: string,
    ): void {
      if (ack < 1) return;
      const id =
        messageId ??
        tx.select({ id: messages.id }).from(messages).where(eq(messages.whatsappId, whatsappId)).get()?.id;
      if (id === undefined) return;
      taken(tx, id, ack, whatsappId, Date.parse(at));
    },
  };
}
