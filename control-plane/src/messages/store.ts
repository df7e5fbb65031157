import { and, eq, getTableColumns, inArray, sql } from "drizzle-orm";
import { createGroupCommit, messages, withoutSync, type Db, type MessageRow } from "@whatsapp-engine/db";
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
const statusOfAck = (ack: number) => (ack >= 3 ? "read" : ack === 2 ? "delivered" : "sent");

/** Rows of outbound messages. */
export function createMessageStore({ db, clock }: { db: Db; clock: Clock }) {
  type Settled = Partial<Pick<MessageRow, "whatsappId" | "errorCode" | "errorMessage" | "sentAt">>;

  /** Moves forward only; a move that would go back changes nothing. */
  function advance(id: string, status: MessageStatus, settled: Settled = {}): void {
    db.update(messages)
      .set({ status, ...settled, updatedAt: clock.now() })
      .where(and(eq(messages.id, id), inArray(messages.status, earlierThan(status))))
      .run();
  }

  const commit = createGroupCommit(db);

  // What every single message passes through is prepared once.
  const find = db
    .select()
    .from(messages)
    .where(eq(messages.id, sql.placeholder("id")))
    .prepare();
  const insert = db.insert(messages).values(placeholders()).returning().prepare();
  const take = {
    sent: prepareTake(db, "sent"),
    delivered: prepareTake(db, "delivered"),
    read: prepareTake(db, "read"),
  };

  /** WhatsApp has it. Its first time stands, whether the answer or the acknowledgement came first. */
  function taken(id: string, ack: number, whatsappId: string | null, at: number): void {
    take[statusOfAck(ack)].run({ id, whatsappId, at, now: clock.now() });
  }

  return {
    /** Commits the message as `sending`, before anything goes out. Resolves when it is on disk. */
    add(message: NewMessage): Promise<MessageRow> {
      const now = clock.now();
      const row = { ...EMPTY, ...message, status: "sending", attempts: 1, createdAt: now, updatedAt: now };
      return commit(() => insert.get(row));
    },

    find: (id: string): MessageRow | undefined => find.get({ id }),

    /** Messages whose outcome was not settled yet. Read from the partial index `messages_sending`. */
    sendingOf: (sessionId: string): { id: string; createdAt: number }[] =>
      db
        .select({ id: messages.id, createdAt: messages.createdAt })
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), sql`${messages.status} = 'sending'`))
        .all(),

    /** Nobody can tell any more what became of it. */
    giveUp(id: string): void {
      advance(id, "unknown", {
        errorCode: "outcome_unknown",
        errorMessage: "Nobody knows any more what became of it.",
      });
    },

    fail(id: string, errorCode: string, errorMessage: string): void {
      advance(id, "failed", { errorCode, errorMessage });
    },

    /** Takes over what the runner says became of a send. The runner's journal has it on disk and says it again. */
    settle(record: SendRecord): void {
      const { messageId, outcome, whatsappId, ack, timestamp, error } = record;
      withoutSync(db, () => {
        if (outcome === "pending") {
          if (whatsappId !== null)
            db.update(messages).set({ whatsappId }).where(eq(messages.id, messageId)).run();
        } else if (outcome === "sent") {
          taken(messageId, ack ?? 1, whatsappId, timestamp === null ? clock.now() : Date.parse(timestamp));
        } else {
          const settled = {
            whatsappId,
            errorCode: error?.code ?? null,
            errorMessage: error?.message ?? null,
          };
          advance(messageId, outcome === "unknown" ? "unknown" : "failed", settled);
        }
      });
    },

    /** Takes over an acknowledgement that came at `at`, ISO 8601. */
    acknowledge(
      { messageId, whatsappId, ack }: { messageId: string | null; whatsappId: string; ack: number },
      at: string,
    ): void {
      if (ack < 1) return;
      const id =
        messageId ??
        db.select({ id: messages.id }).from(messages).where(eq(messages.whatsappId, whatsappId)).get()?.id;
      if (id === undefined) return;
      taken(id, ack, whatsappId, Date.parse(at));
    },
  };
}

const columnNames = Object.keys(getTableColumns(messages));
const placeholders = () =>
  Object.fromEntries(columnNames.map((name) => [name, sql.placeholder(name)])) as never;
const EMPTY = Object.fromEntries(columnNames.map((name) => [name, null]));

/** Everything but a status that is further already. */
const prepareTake = (db: Db, status: "sent" | "delivered" | "read") =>
  db
    .update(messages)
    .set({
      status: sql`case when ${inArray(messages.status, earlierThan(status))} then ${status} else ${messages.status} end`,
      whatsappId: sql`coalesce(${sql.placeholder("whatsappId")}, ${messages.whatsappId})`,
      sentAt: sql`min(coalesce(${messages.sentAt}, ${sql.placeholder("at")}), ${sql.placeholder("at")})`,
      errorCode: null,
      errorMessage: null,
      updatedAt: sql`${sql.placeholder("now")}`,
    })
    .where(eq(messages.id, sql.placeholder("id")))
    .prepare();
