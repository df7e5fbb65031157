import { and, asc, count, desc, eq, inArray, notExists, sql } from "drizzle-orm";
import type { BulkState, MessageStatus } from "@whatsapp-engine/contract/api";
import { bulks, messages, rowsBefore, type BulkRow, type Db, equals } from "@whatsapp-engine/db";
import type { Clock } from "../../lib/clock.ts";
import type { Age } from "../../lib/paging.ts";
import type { AppendEvent } from "../../events/index.ts";
import { ROWID, type MessageRow } from "../rows.ts";

/** Rows of bulks, and what became of their messages. */
export function createBulkStore({
  db,
  clock,
  appendEvent,
}: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
}) {
  const id = sql.placeholder("id");
  const noneIs = (status: MessageStatus) =>
    notExists(
      db
        .select({ one: sql`1` })
        .from(messages)
        .where(and(eq(messages.bulkId, id), equals(messages.status, status))),
    );
  const finish = db
    .update(bulks)
    .set({ state: "finished", updatedAt: sql`${sql.placeholder("now")}` })
    .where(
      and(eq(bulks.id, id), inArray(bulks.state, ["running", "paused"]), noneIs("queued"), noneIs("sending")),
    )
    .returning()
    .prepare();

  /** Nearly always there is one, and this costs a fraction of the write that looks for itself. */
  const hasQueued = db
    .select({ one: sql`1` })
    .from(messages)
    .where(and(eq(messages.bulkId, id), equals(messages.status, "queued")))
    .prepare();

  /** How many of a bulk's messages have come to which status. */
  const countsOf = (bulkId: string): Partial<Record<MessageStatus, number>> =>
    Object.fromEntries(
      db
        .select({ status: messages.status, count: count() })
        .from(messages)
        .where(eq(messages.bulkId, bulkId))
        .groupBy(messages.status)
        .all()
        .map((row) => [row.status, row.count]),
    );

  return {
    countsOf,

    /** Within a transaction: with these messages, which have come to a status, their bulks may have come to their end. */
    finishEnded(rows: readonly Pick<MessageRow, "bulkId" | "status">[]): void {
      const ended = rows.filter(({ status }) => status !== "queued" && status !== "sending");
      for (const bulkId of new Set(ended.map((row) => row.bulkId))) {
        if (bulkId === null || hasQueued.get({ id: bulkId })) continue;
        const bulk = finish.get({ id: bulkId, now: clock.now() });
        if (!bulk) continue;
        const { sessionId, clientBulkId, total } = bulk;
        const counts = countsOf(bulk.id);
        appendEvent(sessionId, "bulk.finished", { bulkId: bulk.id, clientBulkId, total, counts });
      }
    },

    findByClientId: (sessionId: string, clientBulkId: string): BulkRow | undefined =>
      db
        .select()
        .from(bulks)
        .where(and(eq(bulks.sessionId, sessionId), eq(bulks.clientBulkId, clientBulkId)))
        .get(),

    /** In the order in which they came. */
    messagesOf: (bulkId: string): MessageRow[] =>
      db.select().from(messages).where(eq(messages.bulkId, bulkId)).orderBy(asc(ROWID)).all(),

    /** A session's bulks, newest first, those after `after`. */
    list(query: {
      sessionId: string;
      state?: BulkState | undefined;
      limit: number;
      after?: Age | undefined;
    }): BulkRow[] {
      const { sessionId, state, limit, after } = query;
      return db
        .select()
        .from(bulks)
        .where(
          and(
            eq(bulks.sessionId, sessionId),
            state && equals(bulks.state, state),
            rowsBefore([bulks.createdAt, bulks.id], after),
          ),
        )
        .orderBy(desc(bulks.createdAt), desc(bulks.id))
        .limit(limit)
        .all();
    },
  };
}
