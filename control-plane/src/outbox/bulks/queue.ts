import { and, asc, eq, isNotNull, isNull, lte, not, or, sql } from "drizzle-orm";
import { bulks, messages, type BulkRow, type Db, equals } from "@whatsapp-engine/db";
import { AppError, type BulkState, type WaitReason } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Clock } from "../../lib/clock.ts";
import { isAccepted, prepareInsertAll, ROWID, type BulkMessage, type BulkShared } from "../rows.ts";

/** Messages of bulks in the queue of all messages: how they get into it, are held back, and come back. */
export function createBulkQueue(deps: {
  db: Db;
  clock: Clock;
  /** Within a transaction: what holds this chat. */
  heldBy: (sessionId: string, recipient: string) => WaitReason | null;
  /** The last place in the queue. */
  nextPosition: () => number;
  /** Within a transaction: gives these the next places. */
  enqueue: (ids: readonly string[]) => void;
  /** Ends all that waits of a bulk. */
  cancelAll: (bulkId: string) => void;
}) {
  const { db, clock, heldBy, enqueue } = deps;
  const insertAll = prepareInsertAll(db);
  const held = db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sql.placeholder("sessionId")),
        // Written out, so that the partial index `messages_waiting` is used.
        sql`${messages.status} = 'queued' and ${messages.waitsFor} is not null`,
      ),
    )
    .prepare();

  const left = new Set<string>();
  /** Such a message was never handed out, and its bulk has no row: nothing else is removed by mistake, whatever became of a commit. */
  const removeOf = (bulkId: string): number =>
    db
      .delete(messages)
      .where(
        and(
          eq(messages.bulkId, bulkId),
          equals(messages.status, "queued"),
          eq(messages.attempts, 0),
          not(isAccepted),
        ),
      )
      .run().changes;
  function removeLeft(): void {
    for (const bulkId of left) {
      removeOf(bulkId);
      left.delete(bulkId);
    }
  }

  const find = (id: string): BulkRow | undefined => db.select().from(bulks).where(eq(bulks.id, id)).get();
  const isDue = () => or(isNull(messages.scheduledAt), lte(messages.scheduledAt, clock.now()));

  return {
    find,

    /** Within a transaction. Throws `invalid_request` if a `clientMessageId` was used before. */
    insertAll(all: readonly BulkMessage[], shared: BulkShared, enqueued: boolean): void {
      const now = clock.now();
      const { sessionId, bulkId } = shared;
      const mayBeHeld = held.get({ sessionId }) !== undefined;
      const each = all.map(({ id, recipient, body, clientMessageId, requestHash }) => ({
        id,
        recipient,
        body,
        clientMessageId,
        requestHash,
        waitsFor: mayBeHeld ? heldBy(sessionId, recipient) : null,
        position: enqueued ? deps.nextPosition() : null,
      }));
      const added = insertAll(each, {
        ...shared,
        content: shared.content ? JSON.stringify(shared.content) : null,
        status: "queued",
        attempts: 0,
        createdAt: now,
        updatedAt: now,
      });
      if (added < all.length)
        throw new AppError("invalid_request", "The request's body is not valid; nothing was accepted.", {
          details: [
            {
              field: "recipients",
              message: "a clientMessageId was used before; each message needs its own",
            },
          ],
        });
      passStep("message.before_commit", { bulkId });
    },

    /** Messages of a bulk that is not accepted after all; `removeLeft` tries again where they cannot be removed now. */
    remove(bulkId: string): void {
      left.add(bulkId);
      removeLeft();
    },
    removeLeft,

    /** What a process left that died before the bulk was accepted; returns how many messages. To be called before any is accepted. */
    removeUnaccepted(): number {
      // From one bulk to the next in the index, as there may be a million messages.
      const found = db.all<{ id: string }>(sql`
        with recursive found(id) as (
          select min(${messages.bulkId}) from ${messages} where ${messages.bulkId} is not null
          union all
          select (select min(m.bulk_id) from ${messages} m where m.bulk_id > found.id) from found where found.id is not null
        )
        select id from found where id is not null and id not in (select ${bulks.id} from ${bulks})`);
      return found.reduce((count, { id }) => count + removeOf(id), 0);
    },

    /** The next message of a bulk that goes at its own pace gets into the queue, where none of it is; whether one did. */
    enqueueNext(bulkId: string): boolean {
      const ofBulk = and(eq(messages.bulkId, bulkId), equals(messages.status, "queued"));
      const enqueued = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(ofBulk, isNotNull(messages.position), isNull(messages.waitsFor)))
        .limit(1)
        .get();
      if (enqueued) return false;
      const next = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(ofBulk, isNull(messages.position), isDue()))
        .orderBy(asc(ROWID))
        .limit(1)
        .get();
      if (next) db.transaction(() => enqueue([next.id]));
      return next !== undefined;
    },

    /** Out of the queue, until its bulk brings it there again. */
    takeOut: (id: string): void =>
      void db
        .update(messages)
        .set({ position: null })
        .where(and(eq(messages.id, id), equals(messages.status, "queued")))
        .run(),

    /** Holds back what is left of a bulk, puts it at the end of the queue again, or ends it. */
    setState(bulkId: string, state: BulkState): BulkRow | undefined {
      const left = and(eq(messages.bulkId, bulkId), equals(messages.status, "queued"));
      const row = db.transaction(() => {
        if (state === "paused") db.update(messages).set({ position: null }).where(left).run();
        // One with a pace of its own brings its messages one by one.
        if (state === "running" && find(bulkId)?.pauseMs === null) {
          const waiting = db
            .select({ id: messages.id })
            .from(messages)
            .where(and(left, isNull(messages.position), isDue()))
            .orderBy(asc(ROWID))
            .all();
          enqueue(waiting.map(({ id }) => id));
        }
        return db
          .update(bulks)
          .set({ state, updatedAt: clock.now() })
          .where(eq(bulks.id, bulkId))
          .returning()
          .get();
      });
      if (state === "cancelled") deps.cancelAll(bulkId);
      return row;
    },
  };
}
