import { and, desc, eq, inArray, isNull, lte, or, sql } from "drizzle-orm";
import {
  bulks,
  createGroupCommit,
  isUnsent,
  messages,
  rowsBefore,
  type BulkRow,
  type Db,
  equals,
} from "@whatsapp-engine/db";
import type { MessageStatus } from "@whatsapp-engine/contract/api";
import type { SendRecord } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import { iso, type Clock } from "../lib/clock.ts";
import type { Age } from "../lib/paging.ts";
import type { AppendEvent } from "../events/index.ts";
import type { People } from "../people/index.ts";
import { createBulkStore } from "./bulks/store.ts";
import { giveWay } from "../lib/turns.ts";
import { createQueue } from "./queue.ts";
import { createLimits, type LimitSettings } from "./limits.ts";
import { createProgress } from "./progress.ts";
import {
  BATCH,
  errorOf,
  isAccepted,
  isOfBefore,
  isRetryable,
  type BulkMessage,
  type BulkShared,
  type MessageRow,
  type NewMessage,
} from "./rows.ts";

export type MessageStore = ReturnType<typeof createMessageStore>;

/** Rows of outbound messages. Each change of status is one transaction with its event in it. */
export function createMessageStore(deps: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
  people: Pick<People, "learn" | "formsOf">;
  accountLimits: LimitSettings;
  /** The page did not take this message. Within a transaction: whether it is kept for another try, as a build is tried. */
  onPageTrouble?: (row: MessageRow, words: string) => boolean;
  /** Most messages of one session that may wait in the queue. */
  maxQueued: number;
}) {
  const { db, appendEvent, people } = deps;
  const limits = createLimits({ db, clock: deps.clock, appendEvent, settings: deps.accountLimits });
  const bulkRows = createBulkStore(deps);
  const commit = createGroupCommit(db);
  const commitWithoutSync = createGroupCommit(db, { sync: false });
  const settledListeners = new Set<(row: MessageRow) => void>();
  /** Bulks that are on their way to the disk, by id: until then nobody knows whether their messages count. */
  const bulksUnderWay = new Map<string, Promise<unknown>>();

  // What every single message passes through is prepared once.
  const find = db
    .select()
    .from(messages)
    .where(eq(messages.id, sql.placeholder("id")))
    .prepare();
  const findByClientId = db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sql.placeholder("sessionId")),
        eq(messages.clientMessageId, sql.placeholder("clientMessageId")),
      ),
    )
    .prepare();

  const findByWhatsAppId = db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.whatsappId, sql.placeholder("whatsappId")),
        eq(messages.sessionId, sql.placeholder("sessionId")),
      ),
    )
    .prepare();
  /** A runner tells of its own session's messages: of those of another it knows nothing. */
  const isOf = (sessionId: string, id: string): boolean => find.get({ id })?.sessionId === sessionId;

  /** Within a transaction: what is told of a message that has come to `row.status`. */
  function tellStatus(row: MessageRow): void {
    appendEvent(row.sessionId, "message.status", {
      messageId: row.id,
      clientMessageId: row.clientMessageId,
      bulkId: row.bulkId,
      to: row.recipient,
      type: row.type,
      status: row.status,
      waitsFor: row.waitsFor,
      whatsappId: row.whatsappId,
      error: errorOf(row),
      timestamp: row.sentAt === null ? null : iso(row.sentAt),
    });
    if (row.status !== "queued") limits.onEnd(row);
    // Its id names the chat that WhatsApp has for the number.
    const chat = /^true_(\d+@(?:c\.us|lid))_/.exec(row.whatsappId ?? "")?.[1];
    if (chat !== undefined && ["sent", "delivered", "read"].includes(row.status))
      people.learn(row.recipient, chat, "sent");
  }

  function tell(rows: readonly MessageRow[]): void {
    for (const row of rows) tellStatus(row);
    bulkRows.finishEnded(rows);
  }

  /** Once it is committed, those who wait for the message hear of it. */
  function settled(rows: readonly MessageRow[]): void {
    for (const row of rows) for (const listener of settledListeners) listener(row);
  }

  const { insert, ofBulks, refuseIfFull, endAll, requeue, hold, ...queue } = createQueue({
    db,
    clock: deps.clock,
    maxQueued: deps.maxQueued,
    heldBy: limits.heldBy,
    commitWithoutSync,
    tell,
    settled,
  });
  const progress = createProgress({
    db,
    clock: deps.clock,
    tell: (row) => tell([row]),
    requeue: (id) => {
      const row = find.get({ id });
      if (row) requeue(row);
    },
    limited: (record) => {
      const row = find.get({ id: record.messageId });
      if (row?.status !== "sending" || isOfBefore(record, row)) return [];
      const limit = limits.onRefusal(row, record);
      // The limit was over when the runner refused the message for it.
      if (limit === null) requeue(row);
      if (limit === null) return [];
      return limits.waits ? hold(row, limit) : null;
    },
    troubled: (record) => {
      const row = find.get({ id: record.messageId });
      // Told twice: by the answer, and by the journal.
      if (row?.waitsFor === "whatsapp_build" || (row && isOfBefore(record, row))) return [];
      if (row?.status !== "sending" || !deps.onPageTrouble?.(row, record.error?.message ?? "")) return null;
      return hold(row, "whatsapp_build");
    },
  });

  const bulkUnderWay = ({ bulkId }: Pick<MessageRow, "bulkId">) => bulksUnderWay.get(bulkId ?? "");

  /** Within a transaction. The row that is there if its `clientMessageId` was used before. */
  function accept(message: NewMessage): { row: MessageRow; created: boolean } {
    const row = insert(message, (message.scheduledAt ?? null) === null);
    if (row) return { row, created: true };
    const { sessionId, clientMessageId } = message;
    return { row: findByClientId.get({ sessionId, clientMessageId })!, created: false };
  }

  async function addInPortions(
    all: readonly BulkMessage[],
    shared: BulkShared,
    bulk: BulkRow,
    check: () => void,
  ): Promise<void> {
    const enqueued = bulk.pauseMs === null && (shared.scheduledAt ?? null) === null;
    try {
      for (let count = 0, portion = PORTION; count < all.length; count += portion) {
        portion = (await giveWay()) ? Math.min(2 * portion, MOST_AT_ONCE) : PORTION;
        await commitWithoutSync(() => {
          check();
          refuseIfFull(bulk.sessionId, all.length - count);
          ofBulks.insertAll(all.slice(count, count + portion), shared, enqueued);
        });
      }
      await commit(() => {
        check();
        db.insert(bulks).values(bulk).run();
        passStep("bulk.before_commit", { bulkId: bulk.id });
      });
    } catch (error) {
      try {
        ofBulks.remove(bulk.id);
      } catch {
        // As little as it could be added can it be removed now; that is tried again.
      }
      throw error;
    }
    passStep("message.committed", { bulkId: bulk.id });
  }

  return {
    ...queue,
    isOf,
    requeue,
    limits,
    bulks: { ...bulkRows, ...ofBulks },

    /** Calls back when a message has come to a status that answers a caller who waits. */
    onSettled(listener: (row: MessageRow) => void): void {
      settledListeners.add(listener);
    },

    /**
     * Accepts a message: resolves when it is on disk, in the queue or waiting for its time. `created` is false where its
     * `clientMessageId` was used before: then nothing changed, and `row` is that message. Throws `queue_full`.
     */
    async add(message: NewMessage): Promise<{ row: MessageRow; created: boolean }> {
      for (;;) {
        const added = await commit(() => {
          refuseIfFull(message.sessionId, 1);
          return accept(message);
        });
        const other = added.created ? undefined : bulkUnderWay(added.row);
        if (other === undefined) {
          passStep("message.committed", { messageId: message.id });
          return added;
        }
        await other;
      }
    },

    /**
     * Accepts a message that sends `oldId` again; returns the one that does so already, unless that one ended without demonstrably
     * having gone out. Resolves when it is on disk. Throws `queue_full`.
     */
    async retry(oldId: string, message: NewMessage): Promise<{ row: MessageRow; created: boolean }> {
      const added = await commit(() => {
        const { retriedAs = null } = find.get({ id: oldId }) ?? {};
        const before = retriedAs === null ? undefined : find.get({ id: retriedAs });
        if (before && !isRetryable(before)) return { row: before, created: false };
        refuseIfFull(message.sessionId, 1);
        const { row } = accept(message);
        db.update(messages).set({ retriedAs: row.id }).where(eq(messages.id, oldId)).run();
        return { row, created: true };
      });
      if (added.created) passStep("message.committed", { messageId: message.id });
      return added;
    },

    /**
     * Accepts a bulk's messages, all or none: in portions, so that others have their turn, and with the bulk's own row, which comes
     * last. `check` may refuse each portion. Throws `queue_full`.
     */
    addAll(all: readonly BulkMessage[], shared: BulkShared, bulk: BulkRow, check: () => void): Promise<void> {
      const added = addInPortions(all, shared, bulk, check);
      const over = () => void bulksUnderWay.delete(bulk.id);
      bulksUnderWay.set(bulk.id, added.then(over, over));
      return added;
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

    /** The same, once it is known whether it counts where it is a message of a bulk that is on its way to the disk. */
    async findAcceptedByClientId(
      sessionId: string,
      clientMessageId: string,
    ): Promise<MessageRow | undefined> {
      for (;;) {
        const row = findByClientId.get({ sessionId, clientMessageId });
        const bulk = row && bulkUnderWay(row);
        if (bulk === undefined) return row;
        await bulk;
      }
    },

    /** What was done to a message of ours, by either of its ids, once WhatsApp did it. */
    noteDone(
      { messageId, whatsappId }: { messageId: string | null; whatsappId: string },
      change: Pick<MessageRow, "editedAt" | "body"> | Pick<MessageRow, "revokedAt">,
    ): void {
      const row = messageId === null ? eq(messages.whatsappId, whatsappId) : eq(messages.id, messageId);
      db.update(messages).set(change).where(row).run();
    },

    /** Newest first, those after `after`. */
    list(query: {
      sessionId: string;
      status?: MessageStatus | undefined;
      to?: string | undefined;
      bulkId?: string | undefined;
      limit: number;
      after?: Age | undefined;
    }): MessageRow[] {
      const { sessionId, status, to, bulkId, limit, after } = query;
      return db
        .select()
        .from(messages)
        .where(
          and(
            eq(messages.sessionId, sessionId),
            isAccepted,
            status && equals(messages.status, status),
            status && UNSENT.includes(status) ? isUnsent : undefined, // so that their index is used
            to === undefined ? undefined : inArray(messages.recipient, people.formsOf(to)),
            bulkId === undefined ? undefined : eq(messages.bulkId, bulkId),
            rowsBefore([messages.createdAt, messages.id], after),
          ),
        )
        .orderBy(desc(messages.createdAt), desc(messages.id))
        .limit(limit)
        .all();
    },

    /** Within the transaction that forgets a session: what waits ends; with the profile goes who could tell of the rest. */
    endSession(sessionId: string): void {
      endAll(sessionId);
      limits.forget(sessionId);
      const gone = {
        errorCode: "outcome_unknown",
        errorMessage: "The session was deleted while it was sent.",
      };
      const sending = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), sql`${messages.status} = 'sending'`))
        .all();
      for (const { id } of sending) settled(progress.advance(id, "unknown", gone));
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
      settled(db.transaction(() => progress.advance(id, "unknown", change)));
    },

    /** What waits, and is due by `now`, may have gone out already; nobody can tell. Returns how many messages that are. */
    giveUpWaiting(now: number): number {
      const change = {
        errorCode: "outcome_unknown",
        errorMessage:
          "It waited when the backup was made that was restored; nobody knows whether it went out since.",
      };
      const due = db
        .select({ id: messages.id })
        .from(messages)
        .where(
          and(
            inArray(messages.status, ["queued", "sending"]),
            isAccepted,
            or(isNull(messages.scheduledAt), lte(messages.scheduledAt, now)),
          ),
        )
        .limit(BATCH);
      for (let count = 0; ;) {
        const rows = db.transaction(() =>
          due.all().flatMap(({ id }) => progress.advance(id, "unknown", change)),
        );
        if (rows.length === 0) return count;
        settled(rows);
        count += rows.length;
      }
    },

    fail(id: string, errorCode: string, errorMessage: string): void {
      settled(db.transaction(() => progress.advance(id, "failed", { errorCode, errorMessage })));
    },

    /**
     * Takes over what the runner answered became of a send; resolves when it is committed. Does not wait for the disk: the
     * runner's journal has it there, and says it again.
     */
    settle: async (record: SendRecord): Promise<void> =>
      settled(await commitWithoutSync(() => progress.apply(record))),

    /** The same for what the journal of a session's runner tells, of messages of that session alone. Within a transaction. */
    settleWithin(sessionId: string, record: SendRecord): void {
      if (isOf(sessionId, record.messageId)) settled(progress.apply(record));
    },

    /** Takes over an acknowledgement that the session's runner told, and that came at `at`, ISO 8601. Within a transaction. */
    acknowledge(
      sessionId: string,
      { messageId, whatsappId, ack }: { messageId: string | null; whatsappId: string; ack: number },
      at: string,
    ): void {
      if (ack < 1) return;
      const id = messageId ?? findByWhatsAppId.get({ sessionId, whatsappId })?.id;
      if (id !== undefined && isOf(sessionId, id))
        settled(progress.taken(id, ack, whatsappId, Date.parse(at)));
    },
  };
}

/** Messages of a bulk that come with one transaction: about two milliseconds. */
const PORTION = 100;
/** The same while nobody else has anything to do: a transaction costs as much as 30 messages. */
const MOST_AT_ONCE = 250;

const UNSENT: readonly MessageStatus[] = ["failed", "unknown", "expired", "cancelled"];
