import { and, asc, eq, inArray, isNotNull, isNull, lte, or, sql, type SQL } from "drizzle-orm";
import {
  bulks,
  type createGroupCommit,
  messageCounts,
  messages,
  withoutSync,
  type Db,
  equals,
  limitOf,
} from "@whatsapp-engine/db";
import { AppError, type WaitReason } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import { createBulkQueue } from "./bulks/queue.ts";
import type { Clock } from "../lib/clock.ts";
import { BATCH, EMPTY, isAccepted, prepareInsert, ROWID, type MessageRow, type NewMessage } from "./rows.ts";

/** How long a caller is asked to wait when the queue is full: about what ten messages need. */
const FULL_RETRY_SECONDS = 10;

/** The queue of messages that wait: who gets into it, who is next, who leaves it without having gone out. */
export function createQueue(deps: {
  db: Db;
  clock: Clock;
  /** For what a runner's journal remembers too. */
  commitWithoutSync: ReturnType<typeof createGroupCommit>;
  /** Within the transaction: says that messages have come to their status. */
  tell: (rows: readonly MessageRow[]) => void;
  /** Once it is committed. */
  settled: (rows: readonly MessageRow[]) => void;
  /** Within a transaction: what holds this chat. */
  heldBy: (sessionId: string, recipient: string) => WaitReason | null;
  /** Most messages of one session that may wait in the queue. */
  maxQueued: number;
}) {
  const { db, clock, tell, settled } = deps;
  const placeholder = sql.placeholder;
  const insert = prepareInsert(db);
  const depth = db
    .select({ count: messageCounts.count })
    .from(messageCounts)
    .where(and(eq(messageCounts.sessionId, placeholder("sessionId")), eq(messageCounts.status, "queued")))
    .prepare();
  const next = db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, placeholder("sessionId")),
        // Written out, so that the partial index `messages_line` is used.
        sql`${messages.status} = 'queued' and ${messages.position} is not null and ${messages.waitsFor} is null`,
        sql`${messages.recipient} not in (select value from json_each(${placeholder("busy")}))`,
        isAccepted,
      ),
    )
    .orderBy(asc(messages.position))
    .limit(limitOf("limit"))
    .prepare();
  const handOver = db
    .update(messages)
    .set({
      status: "sending",
      attempts: sql`${messages.attempts} + 1`,
      handedAt: sql`${placeholder("now")}`,
      updatedAt: sql`${placeholder("now")}`,
    })
    .where(and(eq(messages.id, placeholder("id")), equals(messages.status, "queued")))
    .prepare();
  const lastPlace = (where: SQL) =>
    db
      .select({ max: sql<number | null>`max(${messages.position})` })
      .from(messages)
      .where(where)
      .get()?.max ?? 0;
  // What is being sent may come back to its place, before all that are accepted from now on. From the clock, so that places
  // tell the order of acceptance over restarts too, as far as nobody sets it back.
  let position = Math.max(
    clock.now(),
    lastPlace(sql`${messages.status} = 'queued' and ${messages.position} is not null`),
    lastPlace(sql`${messages.status} = 'sending'`),
  );

  /** Ends messages that wait in the queue; answers those that it ended. */
  function end(where: ReturnType<typeof and>, status: "expired" | "cancelled", limit: number): MessageRow[] {
    const ended = db.transaction(() => {
      const ids = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(equals(messages.status, "queued"), isAccepted, where))
        .limit(limit);
      const rows = db
        .update(messages)
        .set({ status, waitsFor: null, updatedAt: clock.now() })
        .where(inArray(messages.id, ids))
        .returning()
        .all();
      tell(rows);
      return rows;
    });
    settled(ended);
    return ended;
  }

  function putBack(
    { id, bulkId }: Pick<MessageRow, "id" | "bulkId">,
    waitsFor: WaitReason | null,
  ): MessageRow | undefined {
    const bulk = bulkId === null ? undefined : ofBulks.find(bulkId);
    const status = bulk?.state === "cancelled" ? "cancelled" : "queued";
    return db
      .update(messages)
      .set({
        status,
        waitsFor: status === "queued" ? waitsFor : null,
        handedAt: null,
        ...(bulk?.state === "paused" ? { position: null } : {}),
        updatedAt: clock.now(),
      })
      .where(and(eq(messages.id, id), equals(messages.status, "sending")))
      .returning()
      .get();
  }

  /** Gives these the next places in the queue, within a transaction. */
  function enqueue(ids: readonly string[]): void {
    for (const id of ids) db.update(messages).set({ position: ++position }).where(eq(messages.id, id)).run();
  }

  const ofBulks = createBulkQueue({
    db,
    clock,
    heldBy: deps.heldBy,
    nextPosition: () => ++position,
    enqueue,
    cancelAll: (bulkId) => end(eq(messages.bulkId, bulkId), "cancelled", Number.MAX_SAFE_INTEGER),
  });

  return {
    ofBulks,

    /** Throws `queue_full`. */
    refuseIfFull(sessionId: string, count: number): void {
      const queued = depth.get({ sessionId })?.count ?? 0;
      if (queued + count <= deps.maxQueued) return;
      throw new AppError(
        "queue_full",
        `${queued} messages of this session wait already; ${deps.maxQueued} may (QUEUE_MAX_MESSAGES).`,
        { retryAfterSeconds: FULL_RETRY_SECONDS, extra: { queued } },
      );
    },

    /** Within a transaction; undefined if its `clientMessageId` was used before. */
    insert(message: NewMessage, enqueued: boolean): MessageRow | undefined {
      const now = clock.now();
      const row = insert.get({
        ...EMPTY,
        ...message,
        content: message.content ? JSON.stringify(message.content) : null,
        status: "queued",
        position: enqueued ? ++position : null,
        waitsFor: deps.heldBy(message.sessionId, message.recipient),
        attempts: 0,
        createdAt: now,
        updatedAt: now,
      });
      passStep("message.before_commit", { messageId: message.id });
      return row;
    },

    /** Back to its place in the queue, as it is proven that it was not sent; its bulk may have been ended meanwhile. */
    requeue(message: Pick<MessageRow, "id" | "bulkId">): void {
      const row = db.transaction(() => {
        const back = putBack(message, null);
        if (back?.status === "cancelled") tell([back]);
        return back;
      });
      if (row?.status === "cancelled") settled([row]);
    },

    /**
     * Within a transaction: the same, and with it all that waits for its chat is held until that is over. Returns what is
     * held so, nothing where it was not under way.
     */
    hold(message: Pick<MessageRow, "id" | "bulkId">, reason: WaitReason): MessageRow[] {
      const back = putBack(message, reason);
      if (!back) return [];
      const others = db
        .update(messages)
        .set({ waitsFor: reason, updatedAt: clock.now() })
        .where(
          and(
            eq(messages.sessionId, back.sessionId),
            eq(messages.recipient, back.recipient),
            // Written out, so that the partial index `messages_chat` is used.
            sql`${messages.status} = 'queued'`,
            isNull(messages.waitsFor),
          ),
        )
        .returning()
        .all();
      const all = [back, ...others];
      tell(all.filter(({ bulkId }) => bulkId === null || ofBulks.find(bulkId) !== undefined));
      return all;
    },

    /**
     * Chats of which something is held for this reason since before `heldBefore` are in the queue again, each message at its place.
     * Returns whether there was any.
     */
    letGo: (sessionId: string, reason: WaitReason, heldBefore: number): boolean =>
      db
        .update(messages)
        .set({ waitsFor: null, updatedAt: clock.now() })
        .where(
          and(
            eq(messages.sessionId, sessionId),
            sql`${messages.status} = 'queued' and ${messages.waitsFor} is not null`,
            eq(messages.waitsFor, reason),
            sql`${messages.recipient} in (select h.recipient from messages h where h.session_id = ${sessionId}
              and h.status = 'queued' and h.waits_for = ${reason} and h.updated_at <= ${heldBefore})`,
          ),
        )
        .run().changes > 0,

    /** Sessions with messages that are held for this reason. */
    heldFor: (reason: WaitReason): string[] =>
      db
        .selectDistinct({ sessionId: messages.sessionId })
        .from(messages)
        .where(
          and(
            sql`${messages.status} = 'queued' and ${messages.waitsFor} is not null`,
            eq(messages.waitsFor, reason),
          ),
        )
        .all()
        .map(({ sessionId }) => sessionId),

    /** The first in the session's queue that go to none of these. */
    next: (sessionId: string, busy: readonly string[], limit: number): MessageRow[] =>
      next.all({ sessionId, busy: JSON.stringify(busy), limit }),

    /**
     * Marks a message as handed to the runner; false if it is in the queue no more. Does not wait for the disk: should a loss
     * of power undo it, the runner's journal knows the message by its id, and sends it no second time.
     */
    handOver: (id: string, now: number): Promise<boolean> =>
      deps.commitWithoutSync(() => handOver.run({ id, now }).changes > 0),

    /** Out of the queue until `until`, when it gets behind those that are in it then. What the disk forgets is found again. */
    defer: (id: string, until: number): void =>
      void withoutSync(db, () =>
        db
          .update(messages)
          .set({ position: null, scheduledAt: until })
          .where(and(eq(messages.id, id), equals(messages.status, "queued")))
          .run(),
      ),

    /** Messages whose time has come get into the queue; answers their sessions. */
    promote(now: number): string[] {
      const due = db
        .select({ id: messages.id, sessionId: messages.sessionId })
        .from(messages)
        .leftJoin(bulks, eq(bulks.id, messages.bulkId))
        .where(
          and(
            sql`${messages.status} = 'queued' and ${messages.position} is null`,
            lte(messages.scheduledAt, now),
            or(isNull(messages.bulkId), and(eq(bulks.state, "running"), isNull(bulks.pauseMs))),
          ),
        )
        .orderBy(asc(messages.scheduledAt), asc(ROWID))
        .limit(BATCH)
        .all();
      if (due.length === 0) return [];
      db.transaction(() => enqueue(due.map(({ id }) => id)));
      return [...new Set(due.map(({ sessionId }) => sessionId))];
    },

    /** Ends what waits in the queue beyond its time. */
    expire: (now: number): number =>
      end(and(isNotNull(messages.expiresAt), lte(messages.expiresAt, now)), "expired", BATCH).length,

    /** Takes a message out of the queue; undefined if it is not in it. */
    cancel: (id: string): MessageRow | undefined => end(eq(messages.id, id), "cancelled", 1)[0],

    /** Within a transaction: ends all that waits of a session. */
    endAll: (sessionId: string): void =>
      void end(eq(messages.sessionId, sessionId), "cancelled", Number.MAX_SAFE_INTEGER),
  };
}
