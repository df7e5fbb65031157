import { and, eq, inArray, isNotNull, sql } from "drizzle-orm";
import {
  accountLimits as codes,
  type AccountLimit,
  type SendRecord,
  type SessionLimit,
  type WaitReason,
} from "@whatsapp-engine/contract";
import { accountLimits, messages, type AccountLimitRow, type Db } from "@whatsapp-engine/db";
import { iso, type Clock } from "../clock.ts";
import type { AppendEvent } from "../events/store.ts";
import type { MessageRow } from "./rows.ts";

/** WhatsApp's clock need not be ours: an end that it names is waited for a little longer. */
const AFTER_END_MS = 5_000;
const LONGEST_RETRY_MS = 24 * 60 * 60_000;

export type LimitSettings = {
  /** `wait`: messages that a limit of the account keeps back stay in line until it is over; `fail`: they fail. */
  onLimit: "wait" | "fail";
  /** Where no end is told, when the first message tries; each time that it is refused, after twice as long, a day at most. */
  firstRetryMs: number;
};

export type Limits = ReturnType<typeof createLimits>;

/**
 * Accounts that WhatsApp keeps from writing to people they do not know. While that is so, the runner refuses chats that
 * the page has no messages of before WhatsApp sees anything. A chat that is refused is held: its messages have `waitsFor`,
 * and are in no one's way. One message of them at a time tries whether it is over.
 */
export function createLimits(deps: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
  settings: LimitSettings;
}) {
  const { db, clock, appendEvent, settings } = deps;
  let known: ReadonlyMap<string, AccountLimitRow> | undefined;
  /** By session; as the table, in which few sessions stand. Nothing is remembered that may be undone yet. */
  function limits(): ReadonlyMap<string, AccountLimitRow> {
    if (known) return known;
    const rows = db.select().from(accountLimits).all();
    const read = new Map(rows.map((row) => [row.sessionId, row]));
    if (!db.$client.inTransaction) known = read;
    return read;
  }
  const waiting = sql`${messages.status} = 'queued' and ${messages.waitsFor} is not null`;
  const held = and(waiting, inArray(messages.waitsFor, [...codes]));

  const view = ({ code, since, until, nextTryAt }: AccountLimitRow): SessionLimit => ({
    code,
    since: iso(since),
    until: until === null ? null : iso(until),
    nextTryAt: iso(nextTryAt),
  });

  function put(row: AccountLimitRow, told: boolean): void {
    const { sessionId, ...values } = row;
    db.insert(accountLimits)
      .values(row)
      .onConflictDoUpdate({ target: accountLimits.sessionId, set: values })
      .run();
    known = undefined;
    if (told) appendEvent(sessionId, "session.limit", { limit: view(row) });
  }

  /** All that was held is in line again, at its place. */
  const release = (sessionId: string): void =>
    void db
      .update(messages)
      .set({ waitsFor: null, updatedAt: clock.now() })
      .where(and(eq(messages.sessionId, sessionId), held))
      .run();

  function over({ sessionId }: AccountLimitRow): void {
    db.delete(accountLimits).where(eq(accountLimits.sessionId, sessionId)).run();
    known = undefined;
    release(sessionId);
    appendEvent(sessionId, "session.limit", { limit: null });
  }

  const retryMs = (refusals: number) =>
    Math.min(settings.firstRetryMs * 2 ** Math.min(refusals - 1, 30), LONGEST_RETRY_MS);

  /** WhatsApp itself refused this message. */
  function refused({ id, sessionId }: MessageRow, code: AccountLimit, until: number | null): void {
    const now = clock.now();
    const before = limits().get(sessionId);
    const end = until !== null && until > now ? until : null;
    if (before && before.triedBy !== id && now < before.nextTryAt) {
      // Of those that were under way together, one may know more.
      if (end === null || end === before.until) return;
      return put({ ...before, until: end, nextTryAt: end + AFTER_END_MS }, true);
    }
    const refusals = (before?.refusals ?? 0) + 1;
    const nextTryAt = end === null ? now + retryMs(refusals) : end + AFTER_END_MS;
    put(
      { sessionId, code, since: before?.since ?? now, until: end, nextTryAt, refusals, triedBy: null },
      true,
    );
  }

  /** The first of the messages that are held, if any is in line. */
  const firstHeld = (sessionId: string): string | undefined =>
    db
      .select({ id: messages.id })
      .from(messages)
      .where(and(eq(messages.sessionId, sessionId), held, isNotNull(messages.position)))
      .orderBy(messages.position)
      .limit(1)
      .get()?.id;

  return {
    waits: settings.onLimit === "wait",

    /** How the session is limited, as the API shows it. */
    of(sessionId: string): SessionLimit | null {
      const row = limits().get(sessionId);
      return row ? view(row) : null;
    },

    /** Why the runner is not to write to a chat that the page has no messages of; null: it may. */
    newChatsRefused(sessionId: string, messageId: string): AccountLimit | null {
      const row = limits().get(sessionId);
      if (!row || row.triedBy === messageId) return null;
      return settings.onLimit === "fail" && clock.now() >= row.nextTryAt ? null : row.code;
    },

    /** Within a transaction: what a new message to this chat waits for. */
    heldBy(sessionId: string, recipient: string): WaitReason | null {
      const one = db
        .select({ code: messages.waitsFor })
        .from(messages)
        .where(and(eq(messages.sessionId, sessionId), eq(messages.recipient, recipient), waiting))
        .limit(1)
        .get();
      return one?.code ?? null;
    },

    /** Within a transaction: takes over that a message was refused for a limit of the account. */
    onRefusal(row: MessageRow, record: SendRecord): AccountLimit {
      const { code, until } = record.error as { code: AccountLimit; until?: string | null };
      // Without an answer of WhatsApp's, the runner refused it for what is known here already.
      if (record.ack === -1) refused(row, code, until ? Date.parse(until) : null);
      return code;
    },

    /** Within a transaction: a message came to an end. What the one that tries came to tells whether the limit is over. */
    onEnd(row: MessageRow): void {
      const limit = limits().get(row.sessionId);
      if (!limit) return;
      const taken = row.status === "sent" || row.status === "delivered" || row.status === "read";
      const tries = settings.onLimit === "fail" ? clock.now() >= limit.nextTryAt : limit.triedBy === row.id;
      if (!tries) return;
      if (taken) return over(limit);
      if (limit.triedBy === null) return;
      // What nobody knows of may have been refused: the next one waits as after a refusal.
      const nextTryAt = row.status === "unknown" ? clock.now() + retryMs(limit.refusals) : limit.nextTryAt;
      put({ ...limit, nextTryAt, triedBy: null }, row.status === "unknown");
    },

    /** Sessions in which a message tries now whether the limit is over; it is in line again. */
    tryAgain(now: number): string[] {
      const due = [...limits().values()].filter((limit) => limit.triedBy === null && limit.nextTryAt <= now);
      return due.flatMap((limit) => {
        const { sessionId } = limit;
        return db.transaction(() => {
          const id = firstHeld(sessionId);
          if (id === undefined) {
            // Nobody waits. What was told is over by itself; else the next that is refused tries.
            if (limit.until !== null) over(limit);
            return [];
          }
          db.update(messages).set({ waitsFor: null }).where(eq(messages.id, id)).run();
          put({ ...limit, triedBy: id }, false);
          return [sessionId];
        });
      });
    },

    /** Where they are to fail, those that were held under another setting go on, and fail by themselves. */
    open(): void {
      if (settings.onLimit === "fail") for (const sessionId of limits().keys()) release(sessionId);
    },

    /** Within the transaction that forgets a session. */
    forget(sessionId: string): void {
      db.delete(accountLimits).where(eq(accountLimits.sessionId, sessionId)).run();
      known = undefined;
    },
  };
}
