import { and, asc, eq, inArray, isNotNull, isNull, lte, or, sql, type SQL } from "drizzle-orm";
import {
  bulks,
  type createGroupCommit,
  messageCounts,
  messages,
  withoutSync,
  type BulkRow,
  type Db,
} from "@whatsapp-engine/db";
import { AppError, passStep, type BulkState, type WaitReason } from "@whatsapp-engine/contract";
import type { Clock } from "../clock.ts";
import {
  BATCH,
  EMPTY,
  prepareInsert,
  prepareInsertAll,
  ROWID,
  type BulkMessage,
  type BulkShared,
  type MessageRow,
  type NewMessage,
} from "./rows.ts";

/** How long a caller is asked to wait when the line is full: about what ten messages need. */
const FULL_RETRY_SECONDS = 10;

/** The line of messages that wait: who gets into it, who is next, who leaves it without having gone out. */
export function createLine(deps: {
  db: Db;
  clock: Clock;
  /** For what a runner's journal remembers too. */
  commitWithoutSync: ReturnType<typeof createGroupCommit>;
  /** Within the transaction: says that a message has come to its status. */
  tell: (row: MessageRow) => void;
  /** Once it is committed. */
  settled: (rows: readonly MessageRow[]) => void;
  /** Within a transaction: what holds this chat. */
  heldBy: (sessionId: string, recipient: string) => WaitReason | null;
  /** Most messages of one session that may wait in line. */
  maxQueued: number;
}) {
  const { db, clock, tell, settled } = deps;
  const placeholder = sql.placeholder;
  const insert = prepareInsert(db);
  const insertAll = prepareInsertAll(db);
  const held = db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, placeholder("sessionId")),
        // Written out, so that the partial index `messages_waiting` is used.
        sql`${messages.status} = 'queued' and ${messages.waitsFor} is not null`,
      ),
    )
    .limit(1)
    .prepare();
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
      ),
    )
    .orderBy(asc(messages.position))
    .limit(placeholder("limit"))
    .prepare();
  const handOver = db
    .update(messages)
    .set({
      status: "sending",
      attempts: sql`${messages.attempts} + 1`,
      handedAt: sql`${placeholder("now")}`,
      updatedAt: sql`${placeholder("now")}`,
    })
    .where(and(eq(messages.id, placeholder("id")), eq(messages.status, "queued")))
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

  /** Ends messages that wait in line; answers those that it ended. */
  function end(where: ReturnType<typeof and>, status: "expired" | "cancelled", limit: number): MessageRow[] {
    const ended = db.transaction(() => {
      const ids = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(eq(messages.status, "queued"), where))
        .limit(limit);
      const rows = db
        .update(messages)
        .set({ status, waitsFor: null, updatedAt: clock.now() })
        .where(inArray(messages.id, ids))
        .returning()
        .all();
      for (const row of rows) tell(row);
      return rows;
    });
    settled(ended);
    return ended;
  }

  const findBulk = (id: string): BulkRow | undefined => db.select().from(bulks).where(eq(bulks.id, id)).get();

  function putBack(
    { id, bulkId }: Pick<MessageRow, "id" | "bulkId">,
    waitsFor: WaitReason | null,
  ): MessageRow | undefined {
    const bulk = bulkId === null ? undefined : findBulk(bulkId);
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
      .where(and(eq(messages.id, id), eq(messages.status, "sending")))
      .returning()
      .get();
  }

  /** Gives these the next places in line, within a transaction. */
  function lineUp(ids: readonly string[]): void {
    for (const id of ids) db.update(messages).set({ position: ++position }).where(eq(messages.id, id)).run();
  }

  return {
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
    insert(message: NewMessage, inLine: boolean): MessageRow | undefined {
      const now = clock.now();
      const row = insert.get({
        ...EMPTY,
        ...message,
        content: message.content ? JSON.stringify(message.content) : null,
        status: "queued",
        position: inLine ? ++position : null,
        waitsFor: deps.heldBy(message.sessionId, message.recipient),
        attempts: 0,
        createdAt: now,
        updatedAt: now,
      });
      passStep("message.before_commit", { messageId: message.id });
      return row;
    },

    /** Within a transaction. Throws `invalid_request` if a `clientMessageId` was used before. */
    insertAll(all: readonly BulkMessage[], shared: BulkShared, inLine: boolean): void {
      const now = clock.now();
      const { sessionId, bulkId } = shared;
      const mayBeHeld = held.get({ sessionId }) !== undefined;
      const each = all.map(({ id, recipient, body, clientMessageId, requestHash }) => ({
        id,
        recipient,
        body,
        clientMessageId,
        requestHash,
        waitsFor: mayBeHeld ? deps.heldBy(sessionId, recipient) : null,
        position: inLine ? ++position : null,
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

    /** Back to its place in line, as it is proven that it was not sent; its bulk may have been ended meanwhile. */
    requeue(message: Pick<MessageRow, "id" | "bulkId">): void {
      const row = db.transaction(() => {
        const back = putBack(message, null);
        if (back?.status === "cancelled") tell(back);
        return back;
      });
      if (row?.status === "cancelled") settled([row]);
    },

    /**
     * Within a transaction: the same, and with it all that waits for its chat is held until that is over. Answers what is
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
      for (const row of [back, ...others]) tell(row);
      return [back, ...others];
    },

    findBulk,

    /**
     * Chats of which something is held for this reason since before `heldBefore` are in line again, each message at its place.
     * Answers whether there was any.
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

    /** The first in the session's line that go to none of these. */
    next: (sessionId: string, busy: readonly string[], limit: number): MessageRow[] =>
      next.all({ sessionId, busy: JSON.stringify(busy), limit }),

    /**
     * Marks a message as handed to the runner; false if it is in line no more. Does not wait for the disk: should a loss
     * of power undo it, the runner's journal knows the message by its id, and sends it no second time.
     */
    handOver: (id: string, now: number): Promise<boolean> =>
      deps.commitWithoutSync(() => handOver.run({ id, now }).changes > 0),

    /** Out of the line until `until`, when it gets behind those that are in it then. What the disk forgets is found again. */
    defer: (id: string, until: number): void =>
      void withoutSync(db, () =>
        db
          .update(messages)
          .set({ position: null, scheduledAt: until })
          .where(and(eq(messages.id, id), eq(messages.status, "queued")))
          .run(),
      ),

    /** The next message of a bulk that goes at its own pace gets into line, where none of it is; whether one did. */
    lineUpNext(bulkId: string): boolean {
      const ofBulk = and(eq(messages.bulkId, bulkId), eq(messages.status, "queued"));
      const inLine = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(ofBulk, isNotNull(messages.position), isNull(messages.waitsFor)))
        .limit(1)
        .get();
      if (inLine) return false;
      const next = db
        .select({ id: messages.id })
        .from(messages)
        .where(
          and(
            ofBulk,
            isNull(messages.position),
            or(isNull(messages.scheduledAt), lte(messages.scheduledAt, clock.now())),
          ),
        )
        .orderBy(asc(ROWID))
        .limit(1)
        .get();
      if (next) db.transaction(() => lineUp([next.id]));
      return next !== undefined;
    },

    /** Out of the line, until its bulk brings it there again. */
    takeOut: (id: string): void =>
      void db
        .update(messages)
        .set({ position: null })
        .where(and(eq(messages.id, id), eq(messages.status, "queued")))
        .run(),

    /** Messages whose time has come get into line; answers their sessions. */
    promote(now: number): string[] {
      const due = db
        .select({ id: messages.id, sessionId: messages.sessionId })
        .from(messages)
        .leftJoin(bulks, eq(bulks.id, messages.bulkId))
        .where(
          and(
            sql`${messages.status} = 'queued' and ${messages.position} is null`,
            lte(messages.scheduledAt, now),
            or(isNull(bulks.id), and(eq(bulks.state, "running"), isNull(bulks.pauseMs))),
          ),
        )
        .orderBy(asc(messages.scheduledAt), asc(ROWID))
        .limit(BATCH)
        .all();
      if (due.length === 0) return [];
      db.transaction(() => lineUp(due.map(({ id }) => id)));
      return [...new Set(due.map(({ sessionId }) => sessionId))];
    },

    /** Ends what waits in line beyond its time. */
    expire: (now: number): number =>
      end(and(isNotNull(messages.expiresAt), lte(messages.expiresAt, now)), "expired", BATCH).length,

    /** Takes a message out of the line; undefined if it is not in it. */
    cancel: (id: string): MessageRow | undefined => end(eq(messages.id, id), "cancelled", 1)[0],

    /** Holds back what is left of a bulk, lines it up again at the end of the line, or ends it. */
    setBulkState(bulkId: string, state: BulkState): BulkRow | undefined {
      const left = and(eq(messages.bulkId, bulkId), eq(messages.status, "queued"));
      const row = db.transaction(() => {
        if (state === "paused") db.update(messages).set({ position: null }).where(left).run();
        // One with a pace of its own brings its messages one by one.
        if (state === "running" && findBulk(bulkId)?.pauseMs === null) {
          const now = clock.now();
          const due = or(isNull(messages.scheduledAt), lte(messages.scheduledAt, now));
          const waiting = db
            .select({ id: messages.id })
            .from(messages)
            .where(and(left, isNull(messages.position), due));
          lineUp(
            waiting
              .orderBy(asc(ROWID))
              .all()
              .map(({ id }) => id),
          );
        }
        return db
          .update(bulks)
          .set({ state, updatedAt: clock.now() })
          .where(eq(bulks.id, bulkId))
          .returning()
          .get();
      });
      if (state === "cancelled") end(eq(messages.bulkId, bulkId), "cancelled", Number.MAX_SAFE_INTEGER);
      return row;
    },

    /** Within a transaction: ends all that waits of a session. */
    endAll: (sessionId: string): void =>
      void end(eq(messages.sessionId, sessionId), "cancelled", Number.MAX_SAFE_INTEGER),
  };
}
