import {
  and,
  asc,
  count,
  desc,
  eq,
  getTableColumns,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  sql,
  type SQL,
} from "drizzle-orm";
import {
  bulks,
  createGroupCommit,
  isUnsent,
  messageCounts,
  messages,
  withoutSync,
  type Db,
  type BulkRow,
  type MessageRow,
} from "@whatsapp-engine/db";
import {
  AppError,
  passStep,
  type BulkState,
  type MessageStatus,
  type SendRecord,
} from "@whatsapp-engine/contract";
import { iso, type Clock } from "../clock.ts";
import type { AppendEvent } from "../events/store.ts";

export type { MessageRow };
export type MessageStore = ReturnType<typeof createMessageStore>;
export type NewMessage = Pick<MessageRow, "id" | "sessionId" | "recipient" | "type"> &
  Partial<
    Pick<
      MessageRow,
      | "body"
      | "content"
      | "mediaSha256"
      | "mediaMimetype"
      | "mediaFilename"
      | "mediaBytes"
      | "bulkId"
      | "clientMessageId"
      | "requestHash"
      | "scheduledAt"
      | "expiresAt"
    >
  >;

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

/** How long a caller is asked to wait when the line is full: about what ten messages need. */
const FULL_RETRY_SECONDS = 10;

/** Rows of outbound messages. Each change of status is one transaction with its event in it. */
export function createMessageStore(deps: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
  /** Most messages of one session that may wait in line. */
  maxQueued: number;
}) {
  const { db, clock, appendEvent } = deps;
  const commit = createGroupCommit(db);
  const commitWithoutSync = createGroupCommit(db, { sync: false });
  const settledListeners = new Set<(row: MessageRow) => void>();

  // What every single message passes through is prepared once.
  const placeholder = sql.placeholder;
  const find = db
    .select()
    .from(messages)
    .where(eq(messages.id, placeholder("id")))
    .prepare();
  const findByClientId = db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, placeholder("sessionId")),
        eq(messages.clientMessageId, placeholder("clientMessageId")),
      ),
    )
    .prepare();
  const insert = db.insert(messages).values(columnPlaceholders()).onConflictDoNothing().returning().prepare();
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
        sql`${messages.status} = 'queued' and ${messages.position} is not null`,
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
  const take = {
    sent: prepareTake(db, "sent"),
    delivered: prepareTake(db, "delivered"),
    read: prepareTake(db, "read"),
  };
  const complete = db
    .update(messages)
    .set({
      whatsappId: sql`coalesce(${messages.whatsappId}, ${placeholder("whatsappId")})`,
      sentAt: sql`min(coalesce(${messages.sentAt}, ${placeholder("at")}), ${placeholder("at")})`,
    })
    .where(eq(messages.id, placeholder("id")))
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

  /** Within a transaction: what is told of a message that has come to `row.status`. */
  function tell(row: MessageRow): void {
    appendEvent(row.sessionId, "message.status", {
      messageId: row.id,
      clientMessageId: row.clientMessageId,
      bulkId: row.bulkId,
      to: row.recipient,
      type: row.type,
      status: row.status,
      whatsappId: row.whatsappId,
      error: errorOf(row),
      timestamp: row.sentAt === null ? null : iso(row.sentAt),
    });
  }

  /** Once it is committed, those who wait for the message hear of it. */
  function settled(rows: readonly MessageRow[]): void {
    for (const row of rows) for (const listener of settledListeners) listener(row);
  }

  type Settled = Partial<Pick<MessageRow, "whatsappId" | "errorCode" | "errorMessage">>;

  /** Moves forward only; a move that would go back changes nothing. Within a transaction. */
  function advance(id: string, status: MessageStatus, change: Settled = {}): MessageRow[] {
    const rows = db
      .update(messages)
      .set({ status, ...change, updatedAt: clock.now() })
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
        .set({ status, updatedAt: clock.now() })
        .where(inArray(messages.id, ids))
        .returning()
        .all();
      for (const row of rows) tell(row);
      return rows;
    });
    settled(ended);
    return ended;
  }

  function refuseIfFull(sessionId: string, count: number): void {
    const queued = depth.get({ sessionId })?.count ?? 0;
    if (queued + count <= deps.maxQueued) return;
    throw new AppError(
      "queue_full",
      `${queued} messages of this session wait already; ${deps.maxQueued} may (QUEUE_MAX_MESSAGES).`,
      { retryAfterSeconds: FULL_RETRY_SECONDS, extra: { queued } },
    );
  }

  /** Within a transaction. The row that is there if its `clientMessageId` was used before. */
  function insertQueued(message: NewMessage, inLine: boolean): { row: MessageRow; created: boolean } {
    const now = clock.now();
    const row = insert.get({
      ...EMPTY,
      ...message,
      content: message.content ? JSON.stringify(message.content) : null,
      status: "queued",
      position: inLine ? ++position : null,
      attempts: 0,
      createdAt: now,
      updatedAt: now,
    });
    passStep("message.before_commit", { messageId: message.id });
    if (row) return { row, created: true };
    const { sessionId, clientMessageId } = message;
    return { row: findByClientId.get({ sessionId, clientMessageId })!, created: false };
  }

  const findBulk = (id: string): BulkRow | undefined => db.select().from(bulks).where(eq(bulks.id, id)).get();

  /** Back to its place in line, as it is proven that it was not sent; its bulk may have been ended meanwhile. */
  function requeue({ id, bulkId }: Pick<MessageRow, "id" | "bulkId">): void {
    const bulk = bulkId === null ? undefined : findBulk(bulkId);
    const row = db.transaction(() => {
      const [back] = db
        .update(messages)
        .set({
          status: bulk?.state === "cancelled" ? "cancelled" : "queued",
          handedAt: null,
          ...(bulk?.state === "paused" ? { position: null } : {}),
          updatedAt: clock.now(),
        })
        .where(and(eq(messages.id, id), eq(messages.status, "sending")))
        .returning()
        .all();
      if (back?.status === "cancelled") tell(back);
      return back;
    });
    if (row?.status === "cancelled") settled([row]);
  }

  /** Within a transaction: what the runner says became of a send. Answers the row where that is new. */
  function apply(record: SendRecord): MessageRow[] {
    const { messageId, outcome, whatsappId, ack, timestamp, error } = record;
    if (isNotConnected(record)) {
      const row = find.get({ id: messageId });
      if (row) requeue(row);
      return [];
    }
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

  /** Gives these the next places in line, within a transaction. */
  function lineUp(ids: readonly string[]): void {
    for (const id of ids) db.update(messages).set({ position: ++position }).where(eq(messages.id, id)).run();
  }

  return {
    /** Calls back when a message has come to a status that answers a caller who waits. */
    onSettled(listener: (row: MessageRow) => void): void {
      settledListeners.add(listener);
    },

    /**
     * Accepts a message: resolves when it is on disk, in line or waiting for its time. `created` is false where its
     * `clientMessageId` was used before: then nothing changed, and `row` is that message. Throws `queue_full`.
     */
    async add(message: NewMessage): Promise<{ row: MessageRow; created: boolean }> {
      const added = await commit(() => {
        refuseIfFull(message.sessionId, 1);
        return insertQueued(message, (message.scheduledAt ?? null) === null);
      });
      passStep("message.committed", { messageId: message.id });
      return added;
    },

    /** Accepts a bulk's messages, all or none. Throws `queue_full`. */
    async addAll(all: readonly NewMessage[], bulk: typeof bulks.$inferInsert): Promise<void> {
      await commit(() => {
        refuseIfFull(bulk.sessionId, all.length);
        db.insert(bulks).values(bulk).run();
        for (const message of all) insertQueued(message, (message.scheduledAt ?? null) === null);
      });
      passStep("message.committed", { bulkId: bulk.id });
    },

    /** Whether a message that is not out yet has this media. */
    needsMedia: (sha256: string): boolean =>
      db
        .select({ id: messages.id })
        .from(messages)
        .where(and(eq(messages.mediaSha256, sha256), inArray(messages.status, ["queued", "sending"])))
        .limit(1)
        .get() !== undefined,

    find: (id: string): MessageRow | undefined => find.get({ id }),

    findByClientId: (sessionId: string, clientMessageId: string): MessageRow | undefined =>
      findByClientId.get({ sessionId, clientMessageId }),

    /** A page, newest first, after `cursor` (creation time and id of the last one seen). */
    list(query: {
      sessionId: string;
      status?: MessageStatus;
      to?: string;
      bulkId?: string;
      limit: number;
      cursor?: { createdAt: number; id: string };
    }): MessageRow[] {
      const { sessionId, status, to, bulkId, limit, cursor } = query;
      return db
        .select()
        .from(messages)
        .where(
          and(
            eq(messages.sessionId, sessionId),
            status && eq(messages.status, status),
            status && UNSENT.includes(status) ? isUnsent : undefined, // so that their index is used
            to === undefined ? undefined : eq(messages.recipient, to),
            bulkId === undefined ? undefined : eq(messages.bulkId, bulkId),
            cursor &&
              or(
                lt(messages.createdAt, cursor.createdAt),
                and(eq(messages.createdAt, cursor.createdAt), lt(messages.id, cursor.id)),
              ),
          ),
        )
        .orderBy(desc(messages.createdAt), desc(messages.id))
        .limit(limit)
        .all();
    },

    /** The first in the session's line that go to none of these. */
    next: (sessionId: string, busy: readonly string[], limit: number): MessageRow[] =>
      next.all({ sessionId, busy: JSON.stringify(busy), limit }),

    /** Sessions with messages in line. */
    waitingSessions: (): string[] =>
      db
        .selectDistinct({ id: messages.sessionId })
        .from(messages)
        .where(sql`${messages.status} = 'queued' and ${messages.position} is not null`)
        .all()
        .map(({ id }) => id),

    /**
     * Marks a message as handed to the runner; false if it is in line no more. Does not wait for the disk: should a loss
     * of power undo it, the runner's journal knows the message by its id, and sends it no second time.
     */
    handOver: (id: string, now: number): Promise<boolean> =>
      commitWithoutSync(() => handOver.run({ id, now }).changes > 0),

    requeue,

    /** Out of the line until `until`, when it gets behind those that are in it then. What the disk forgets is found again. */
    defer: (id: string, until: number): void =>
      void withoutSync(db, () =>
        db
          .update(messages)
          .set({ position: null, scheduledAt: until })
          .where(and(eq(messages.id, id), eq(messages.status, "queued")))
          .run(),
      ),

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
            or(isNull(bulks.id), eq(bulks.state, "running")),
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

    findBulk,

    /** In the order in which they came. */
    messagesOfBulk: (bulkId: string): MessageRow[] =>
      db.select().from(messages).where(eq(messages.bulkId, bulkId)).orderBy(asc(ROWID)).all(),

    findBulkByClientId: (sessionId: string, clientBulkId: string): BulkRow | undefined =>
      db
        .select()
        .from(bulks)
        .where(and(eq(bulks.sessionId, sessionId), eq(bulks.clientBulkId, clientBulkId)))
        .get(),

    /** How many of a bulk's messages have come to which status. */
    progressOf: (bulkId: string): { status: MessageStatus; count: number }[] =>
      db
        .select({ status: messages.status, count: count() })
        .from(messages)
        .where(eq(messages.bulkId, bulkId))
        .groupBy(messages.status)
        .all(),

    /** Holds back what is left of a bulk, lines it up again at the end of the line, or ends it. */
    setBulkState(bulkId: string, state: BulkState): BulkRow | undefined {
      const left = and(eq(messages.bulkId, bulkId), eq(messages.status, "queued"));
      const row = db.transaction(() => {
        if (state === "paused") db.update(messages).set({ position: null }).where(left).run();
        if (state === "running") {
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

    /** Within the transaction that forgets a session: what waits ends; with the profile goes who could tell of the rest. */
    endSession(sessionId: string): void {
      end(eq(messages.sessionId, sessionId), "cancelled", Number.MAX_SAFE_INTEGER);
      const gone = {
        errorCode: "outcome_unknown",
        errorMessage: "The session was deleted while it was sent.",
      };
      const sending = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), sql`${messages.status} = 'sending'`))
        .all();
      for (const { id } of sending) settled(advance(id, "unknown", gone));
    },

    /** Messages whose outcome was not settled yet. Read from the partial index `messages_sending`. */
    sendingOf: (sessionId: string): MessageRow[] =>
      db
        .select()
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), sql`${messages.status} = 'sending'`))
        .all(),

    /** Nobody can tell any more what became of it. */
    giveUp(id: string): void {
      const change = {
        errorCode: "outcome_unknown",
        errorMessage: "Nobody knows any more what became of it.",
      };
      settled(db.transaction(() => advance(id, "unknown", change)));
    },

    fail(id: string, errorCode: string, errorMessage: string): void {
      settled(db.transaction(() => advance(id, "failed", { errorCode, errorMessage })));
    },

    /**
     * Takes over what the runner answered became of a send; resolves when it is committed. Does not wait for the disk: the
     * runner's journal has it there, and says it again.
     */
    settle: async (record: SendRecord): Promise<void> =>
      settled(await commitWithoutSync(() => apply(record))),

    /** The same for what the runner's journal tells. Within a transaction. */
    settleWithin: (record: SendRecord): void => settled(apply(record)),

    /** Takes over an acknowledgement that came at `at`, ISO 8601. Within a transaction. */
    acknowledge(
      { messageId, whatsappId, ack }: { messageId: string | null; whatsappId: string; ack: number },
      at: string,
    ): void {
      if (ack < 1) return;
      const id =
        messageId ??
        db.select({ id: messages.id }).from(messages).where(eq(messages.whatsappId, whatsappId)).get()?.id;
      if (id !== undefined) settled(taken(id, ack, whatsappId, Date.parse(at)));
    },
  };
}

/** Nothing was wrong with the message: the connection went before WhatsApp's code had it, and it can go out later. */
export const isNotConnected = ({ outcome, error }: SendRecord): boolean =>
  outcome === "not_sent" && error?.code === "not_connected";

/** Order of acceptance. */
const ROWID = sql`${messages}.rowid`;

const UNSENT: readonly MessageStatus[] = ["failed", "unknown", "expired", "cancelled"];

/** Rows that one pass of a clean-up or a timer touches, so that it does not hold up the rest. */
const BATCH = 500;

/** Why it was not sent, or is not known to be. */
export const errorOf = ({ errorCode, errorMessage }: MessageRow) =>
  errorCode === null ? null : { code: errorCode, message: errorMessage ?? "" };

const columnNames = Object.keys(getTableColumns(messages));
const columnPlaceholders = () => {
  const columns = Object.fromEntries(columnNames.map((name) => [name, sql.placeholder(name)]));
  // As text, not through the column's encoder: it would make the text "null" of null.
  return { ...columns, content: sql`${sql.placeholder("content")}` } as never;
};
const EMPTY = Object.fromEntries(columnNames.map((name) => [name, null]));

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
      updatedAt: sql`${sql.placeholder("now")}`,
    })
    .where(and(eq(messages.id, sql.placeholder("id")), inArray(messages.status, earlierThan(status))))
    .returning()
    .prepare();
};
