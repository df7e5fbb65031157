import { and, eq, inArray, sql } from "drizzle-orm";
import { messages, type Db } from "@whatsapp-engine/db";
import type { MessageStatus } from "@whatsapp-engine/contract/api";
import type { SendRecord } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import { isLimited, isNotConnected, isPageTrouble, type MessageRow } from "./rows.ts";

/** A message never goes back: what is further right has the last word. Who is `expired` or `cancelled` never went out. */
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

type Settled = Partial<Pick<MessageRow, "whatsappId" | "errorCode" | "errorMessage">>;

/** Moves messages on to what became of them. All of it within a transaction of the caller; answers the rows that moved. */
export function createProgress(deps: {
  db: Db;
  clock: Clock;
  /** Within the transaction: says that a message has come to its status. */
  tell: (row: MessageRow) => void;
  /** Back to its place in the queue, as it is proven that it was not sent. */
  requeue: (id: string) => void;
  /** The account may not write to its chat now: the rows that wait for the end of that, or null where it is to fail. */
  limited: (record: SendRecord) => MessageRow[] | null;
  /** The page did not take it: the rows that wait because a build is tried, or null where that is none of its business. */
  troubled: (record: SendRecord) => MessageRow[] | null;
}) {
  const { db, clock, tell } = deps;
  const take = {
    sent: prepareTake(db, "sent"),
    delivered: prepareTake(db, "delivered"),
    read: prepareTake(db, "read"),
  };
  const complete = db
    .update(messages)
    .set({
      whatsappId: sql`coalesce(${messages.whatsappId}, ${sql.placeholder("whatsappId")})`,
      sentAt: sql`min(coalesce(${messages.sentAt}, ${sql.placeholder("at")}), ${sql.placeholder("at")})`,
    })
    .where(eq(messages.id, sql.placeholder("id")))
    .prepare();

  /** Moves forward only; a move that would go back changes nothing. */
  function advance(id: string, status: MessageStatus, change: Settled = {}): MessageRow[] {
    const rows = db
      .update(messages)
      .set({ status, waitsFor: null, ...change, updatedAt: clock.now() })
      .where(and(eq(messages.id, id), inArray(messages.status, earlierThan(status))))
      .returning()
      .all();
    for (const row of rows) tell(row);
    return rows;
  }

  /** WhatsApp has it. Its first time stands, whether the answer or the acknowledgement came first. */
  function taken(id: string, ack: number, whatsappId: string | null, at: number): MessageRow[] {
    const row = take[statusOfAck(ack)].get({ id, whatsappId, at, now: clock.now() });
    if (!row) {
      complete.run({ id, whatsappId, at });
      return [];
    }
    tell(row);
    return [row];
  }

  /** What the runner says became of a send. Returns the row where that is new. */
  function apply(record: SendRecord): MessageRow[] {
    const { messageId, outcome, whatsappId, ack, timestamp, error } = record;
    if (isNotConnected(record)) {
      deps.requeue(messageId);
      return [];
    }
    const waiting = isLimited(record)
      ? deps.limited(record)
      : isPageTrouble(record)
        ? deps.troubled(record)
        : null;
    if (waiting) return waiting;
    if (outcome === "pending") {
      if (whatsappId !== null)
        db.update(messages).set({ whatsappId }).where(eq(messages.id, messageId)).run();
      return [];
    }
    if (outcome === "sent") {
      const at = timestamp === null ? clock.now() : Date.parse(timestamp);
      return taken(messageId, ack ?? 1, whatsappId, at);
    }
    return advance(messageId, outcome === "unknown" ? "unknown" : "failed", {
      whatsappId,
      errorCode: error?.code ?? null,
      errorMessage: error?.message ?? null,
    });
  }

  return { advance, taken, apply };
}

/** Only from a status that is less far. */
const prepareTake = (db: Db, status: "sent" | "delivered" | "read") => {
  const at = sql.placeholder("at");
  return db
    .update(messages)
    .set({
      status,
      whatsappId: sql`coalesce(${sql.placeholder("whatsappId")}, ${messages.whatsappId})`,
      sentAt: sql`min(coalesce(${messages.sentAt}, ${at}), ${at})`,
      ...(status === "sent" ? {} : { deliveredAt: sql`coalesce(${messages.deliveredAt}, ${at})` }),
      ...(status === "read" ? { readAt: sql`coalesce(${messages.readAt}, ${at})` } : {}),
      errorCode: null,
      errorMessage: null,
      waitsFor: null,
      updatedAt: sql`${sql.placeholder("now")}`,
    })
    .where(and(eq(messages.id, sql.placeholder("id")), inArray(messages.status, earlierThan(status))))
    .returning()
    .prepare();
};
