import { and, eq, inArray, isNotNull, sql } from "drizzle-orm";
import {
  accountLimits as codes,
  type AccountLimit,
  type SessionLimit,
  type WaitReason,
} from "@whatsapp-engine/contract/api";
import type { SendRecord } from "@whatsapp-engine/contract/runner";
import { accountLimits, messages, sessions, type AccountLimitRow, type Db } from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";
import type { AppendEvent } from "../events/index.ts";
import type { MessageRow } from "./rows.ts";

/** WhatsApp's clock need not be ours: an end that it names is waited for a little longer. */
const AFTER_END_MS = 5_000;
/** Messages that went out last, whose recipients are no new people. */
const KNOWN_MOST = 10_000;
const LONGEST_RETRY_MS = 24 * 60 * 60_000;
/** An end that is further away than the month that WhatsApp counts is none that can be believed. */
const FURTHEST_END_MS = 32 * 24 * 60 * 60_000;

export type LimitSettings = {
  /** `wait`: messages that a limit of the account keeps back stay in the queue until it is over; `fail`: they fail. */
  onLimit: "wait" | "fail";
  /** Where no end is told, when the first message tries; each time that it is refused, after twice as long, a day at most. */
  firstRetryMs: number;
};

/**
 * Accounts that WhatsApp keeps from writing to people they do not know. While that is so, the runner refuses chats that
 * the page has no messages of before WhatsApp sees anything. A chat that is refused is held: its messages have `waitsFor`,
 * and are in no one's way; or its message fails. One message at a time tries whether it is over.
 */
export function createLimits(deps: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
  settings: LimitSettings;
}) {
  const { db, clock, appendEvent, settings } = deps;
  /** Sessions of which something is in the queue again that nobody was told of. */
  const released = new Set<string>();
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
  /**
   * Of those to whom messages went out lately: that another does says little of a limit for new chats. A list that is read
   * once, of bounded length: to look for each held message in all that ever went out would hold up everything.
   */
  const isKnown = (sessionId: string) => sql`${messages.recipient} in (select k.recipient from messages k
    where k.session_id = ${sessionId} and k.handed_at is not null and k.status in ('sent', 'delivered', 'read')
    order by k.handed_at desc limit ${KNOWN_MOST})`;
  const held = and(waiting, inArray(messages.waitsFor, [...codes]));

  // Asked for every message that is accepted.
  const reasonOfChat = db
    .select({ reason: messages.waitsFor })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sql.placeholder("sessionId")),
        eq(messages.recipient, sql.placeholder("recipient")),
        waiting,
      ),
    )
    .prepare();

  const view = ({ code, since, until, nextTryAt }: AccountLimitRow): SessionLimit => ({
    code,
    since: iso(since),
    until: until === null ? null : iso(until),
    nextTryAt: iso(nextTryAt),
  });

  const accountOf = (sessionId: string) =>
    db.select({ number: sessions.linkedPhoneNumber }).from(sessions).where(eq(sessions.id, sessionId)).get()
      ?.number ?? null;

  function put(row: AccountLimitRow, told: boolean): void {
    const { sessionId, ...values } = row;
    db.insert(accountLimits)
      .values(row)
      .onConflictDoUpdate({ target: accountLimits.sessionId, set: values })
      .run();
    known = undefined;
    if (told) appendEvent(sessionId, "session.limit", { limit: view(row) });
  }

  /** What was held, or what of it is for these recipients, is in the queue again, at its place. */
  function release(sessionId: string, recipients?: readonly string[]): void {
    const { changes } = db
      .update(messages)
      .set({ waitsFor: null, updatedAt: clock.now() })
      .where(
        and(
          eq(messages.sessionId, sessionId),
          held,
          recipients && inArray(messages.recipient, [...recipients]),
        ),
      )
      .run();
    if (changes > 0) released.add(sessionId);
  }

  function drop(sessionId: string): void {
    db.delete(accountLimits).where(eq(accountLimits.sessionId, sessionId)).run();
    known = undefined;
  }

  function over({ sessionId }: AccountLimitRow): void {
    drop(sessionId);
    release(sessionId);
    appendEvent(sessionId, "session.limit", { limit: null });
  }

  const retryMs = (refusals: number) =>
    Math.min(settings.firstRetryMs * 2 ** Math.min(refusals - 1, 30), LONGEST_RETRY_MS);

  /** WhatsApp itself refused this message. */
  function refused({ id, sessionId }: MessageRow, code: AccountLimit, until: number | null): void {
    const now = clock.now();
    const before = limits().get(sessionId);
    const end = until !== null && until > now && until <= now + FURTHEST_END_MS ? until : null;
    const tried = before?.triedBy === id || (before?.triedBy === null && now >= before.nextTryAt);
    if (before && !tried) {
      // Of those that were under way together, one may know more.
      if (end !== null && end !== before.until)
        put({ ...before, until: end, nextTryAt: end + AFTER_END_MS }, true);
      return;
    }
    const refusals = (before?.refusals ?? 0) + 1;
    const nextTryAt = end === null ? now + retryMs(refusals) : end + AFTER_END_MS;
    const since = before?.since ?? now;
    const account = accountOf(sessionId);
    put({ sessionId, account, code, since, until: end, nextTryAt, refusals, triedBy: null }, true);
  }

  /** The first of the messages that are held, if any is in the queue; of those to new people, if there are. */
  const firstHeld = (sessionId: string): string | undefined =>
    db
      .select({ id: messages.id })
      .from(messages)
      .where(and(eq(messages.sessionId, sessionId), held, isNotNull(messages.position)))
      .orderBy(isKnown(sessionId), messages.position)
      .limit(1)
      .get()?.id;

  /**
   * Whether the message that tries is on its way, or waits for another build of WhatsApp Web, before what comes after it in
   * its chat: one that left the queue tries nothing.
   */
  const isTrying = (id: string): boolean =>
    db
      .select({ id: messages.id })
      .from(messages)
      .where(
        and(
          eq(messages.id, id),
          sql`(${messages.status} = 'sending' or (${messages.status} = 'queued'
            and ${messages.position} is not null and coalesce(${messages.waitsFor}, 'whatsapp_build') = 'whatsapp_build'))`,
        ),
      )
      .get() !== undefined;

  /** Returns whether a message of the session tries now. */
  function letTry(limit: AccountLimitRow): boolean {
    const { sessionId, triedBy } = limit;
    const account = accountOf(sessionId);
    if (limit.account !== null && account !== null && account !== limit.account) {
      over(limit); // another account is linked, of which nothing is known
      return false;
    }
    if (limit.nextTryAt > clock.now() || (triedBy !== null && isTrying(triedBy))) return false;
    const id = firstHeld(sessionId);
    if (id !== undefined) {
      db.update(messages).set({ waitsFor: null }).where(eq(messages.id, id)).run();
      put({ ...limit, triedBy: id }, false);
      return true;
    }
    // Nobody waits. What was told is over by itself; else the next that is refused tries.
    if (limit.until !== null) over(limit);
    else if (triedBy !== null) put({ ...limit, triedBy: null }, false);
    return false;
  }

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
      if (settings.onLimit === "wait" || row.triedBy !== null || clock.now() < row.nextTryAt) return row.code;
      const known = db
        .select({ id: messages.id })
        .from(messages)
        .where(and(eq(messages.id, messageId), isKnown(sessionId)));
      if (known.get() !== undefined) return row.code;
      put({ ...row, triedBy: messageId }, false);
      return null;
    },

    /** Within a transaction: what a new message to this chat waits for. */
    heldBy: (sessionId: string, recipient: string): WaitReason | null =>
      reasonOfChat.get({ sessionId, recipient })?.reason ?? null,

    /** Within a transaction: takes over that a message was refused for a limit of the account; null: that is over. */
    onRefusal(row: MessageRow, record: SendRecord): AccountLimit | null {
      const { code, until } = record.error as { code: AccountLimit; until?: string | null };
      // Without an answer of WhatsApp's, the runner refused it for what was known here.
      if (record.ack === -1) refused(row, code, until ? Date.parse(until) : null);
      return limits().has(row.sessionId) ? code : null;
    },

    /** Within a transaction: somebody wrote, so that the page has messages of the chat. `ids`: what the recipient may be called. */
    onReceived(sessionId: string, ids: readonly (string | null)[]): void {
      if (limits().has(sessionId)) release(sessionId, ids.flatMap(recipientsOf));
    },

    /** Within a transaction: a message came to an end. What the one that tries came to tells whether the limit is over. */
    onEnd(row: MessageRow): void {
      const limit = limits().get(row.sessionId);
      if (limit?.triedBy !== row.id) return;
      if (row.status === "sent" || row.status === "delivered" || row.status === "read") return over(limit);
      // What nobody knows of may have been refused: the next one waits as after a refusal.
      const unknown = row.status === "unknown";
      const nextTryAt = unknown ? clock.now() + retryMs(limit.refusals) : limit.nextTryAt;
      put({ ...limit, nextTryAt, triedBy: null }, unknown);
    },

    /** The message that tries must wait for its recipient's pace: it tries then, at its place. Returns whether it is that one. */
    postpone({ id, sessionId }: MessageRow, until: number): boolean {
      const limit = limits().get(sessionId);
      if (limit?.triedBy !== id || settings.onLimit === "fail") return false;
      db.transaction(() => {
        db.update(messages).set({ waitsFor: limit.code }).where(eq(messages.id, id)).run();
        put({ ...limit, nextTryAt: until, triedBy: null }, true);
      });
      return true;
    },

    /** Sessions of which something may go: a message tries now whether the limit is over, or it is. */
    tryAgain(): string[] {
      const tries = [...limits().values()].filter((limit) => db.transaction(() => letTry(limit)));
      const all = [...tries.map(({ sessionId }) => sessionId), ...released];
      released.clear();
      return all;
    },

    /** What is held of sessions without a limit is in the queue again, or of all where messages are to fail. */
    open(): void {
      const of = db.selectDistinct({ id: messages.sessionId }).from(messages).where(held).all();
      for (const { id } of of) if (settings.onLimit === "fail" || !limits().has(id)) release(id);
    },

    /** Within the transaction that forgets a session. */
    forget: drop,
  };
}

/** How a chat may be written as a recipient. */
const recipientsOf = (id: string | null): string[] =>
  id === null ? [] : /^\d+$/.test(id) ? [id, `${id}@c.us`] : [id, id.replace(/@c\.us$/, "")];
