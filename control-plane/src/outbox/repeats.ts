import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { and, desc, eq, gte, isNotNull, max, notInArray, sql } from "drizzle-orm";
import { messages, type Db } from "@whatsapp-engine/db";
import type { Before } from "../lib/alive.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { People } from "../people/index.ts";
import { ROWID, type MessageRow, type NewMessage } from "./rows.ts";

/** That a connection is gone may be heard after the next call on another one. */
const HEARD_MS = 20;
/** What ended so can be sent anew. */
const NOT_SENT = ["failed", "expired", "cancelled"] as const;

export type Repeats = ReturnType<typeof createRepeats>;

/**
 * Callers without an idempotency key who had no answer, as their connection or the engine was gone, and ask for the same again:
 * they get the message that there is. The same: session, person, kind and content. Rows tell (`repeat_hash`, `unanswered_at`), so
 * that it survives a kill.
 */
export function createRepeats(deps: {
  db: Db;
  people: Pick<People, "isSame">;
  /** For so long after a call without an answer; 0: never. */
  windowMs: number;
  clock: Clock;
  log: Log;
}) {
  const { db, people, windowMs, clock, log } = deps;
  /** By session and hash: how many have no answer yet, and whose connection stands as far as is known. */
  const underWay = new Map<string, number>();
  /** Messages that a repetition is being answered with. */
  const taken = new Set<string>();

  /**
   * Of this session, by the index of those without an answer alone: they are few within the window, where a session may have
   * millions of messages. The plus keeps the index of a session's messages out of it.
   */
  const isUnanswered = and(
    isNotNull(messages.unansweredAt),
    gte(messages.unansweredAt, sql.placeholder("since")),
    sql`+${messages.sessionId} = ${sql.placeholder("sessionId")}`,
  );
  const unanswered = db
    .select()
    .from(messages)
    .where(
      and(
        isUnanswered,
        eq(messages.repeatHash, sql.placeholder("hash")),
        notInArray(messages.status, [...NOT_SENT]),
      ),
    )
    // After a death all of its last minute count, and the newest is the one that was under way. With a plus, as it would be looked
    // for from the newest of all messages otherwise.
    .orderBy(desc(sql`+${ROWID}`))
    .prepare();

  const acceptedSince = (sessionId: string, repeatHash: string, since: number): MessageRow[] =>
    db
      .select()
      .from(messages)
      .where(
        and(
          eq(messages.sessionId, sessionId),
          gte(messages.createdAt, since),
          eq(messages.repeatHash, repeatHash),
        ),
      )
      .all();

  /** When a caller of each session last had no answer, so that most messages need no look at the table. */
  const newest = new Map<string, number>();
  const readNewest = () => {
    const rows = db
      .select({ sessionId: messages.sessionId, at: max(messages.unansweredAt) })
      .from(messages)
      .where(and(isNotNull(messages.unansweredAt), gte(messages.unansweredAt, clock.now() - windowMs)))
      .groupBy(sql`+${messages.sessionId}`)
      .all();
    for (const { sessionId, at } of rows) newest.set(sessionId, at ?? 0);
  };
  if (windowMs > 0) readNewest();

  /** Whether anybody who asked this session has no answer, so that it is worth reading what is asked. */
  const mayBe = (sessionId: string): boolean =>
    windowMs > 0 && (newest.get(sessionId) ?? Number.NEGATIVE_INFINITY) >= clock.now() - windowMs;

  const note = ({ id, sessionId }: MessageRow, unansweredAt: number | null) => {
    if (unansweredAt !== null) newest.set(sessionId, unansweredAt);
    try {
      db.update(messages).set({ unansweredAt }).where(eq(messages.id, id)).run();
    } catch (err) {
      log.error({ messageId: id, err }, "it was not noted whether a caller had an answer");
    }
  };

  const keyOf = ({ sessionId, repeatHash }: { sessionId: string; repeatHash?: string | null }) =>
    `${sessionId} ${repeatHash}`;

  return {
    /** What tells a message without a key from others; null where repetitions are not looked for. */
    hashOf: (
      { type, body, content, mediaSha256, mediaFilename }: NewMessage,
      /** As it was asked for, also where that is over by now. */
      scheduledAt?: string,
    ): string | null =>
      windowMs === 0
        ? null
        : createHash("sha256")
            .update(JSON.stringify([type, body, content, mediaSha256, mediaFilename, scheduledAt]))
            .digest("base64url"),

    mayBe,

    /** The message whose caller had no answer, if this is the same again; whoever gets it must call `answering`. */
    async take(
      message: NewMessage,
      /** The caller who asks: since when, and whether its own connection is gone by now. */
      caller: { since: number; isGone: () => boolean },
    ): Promise<MessageRow | undefined> {
      const { sessionId, recipient, repeatHash } = message;
      if (!repeatHash) return undefined;
      if (underWay.has(keyOf(message))) await delay(HEARD_MS);
      const same = (row: MessageRow) => people.isSame(row.recipient, recipient);
      const rows = mayBe(sessionId)
        ? unanswered.all({ sessionId, hash: repeatHash, since: clock.now() - windowMs })
        : [];
      const found =
        rows.find((row) => !taken.has(row.id) && same(row)) ??
        // A file that was long in coming: who waited for it asked again meanwhile, and that was quicker.
        (caller.isGone() ? acceptedSince(sessionId, repeatHash, caller.since).find(same) : undefined);
      if (found) taken.add(found.id);
      return found;
    },

    /** A caller waits for this message's answer; `answered` tells whether it had one. */
    answering(row: MessageRow, answered: Promise<boolean>): void {
      if (row.repeatHash === null) return;
      const key = keyOf(row);
      underWay.set(key, (underWay.get(key) ?? 0) + 1);
      void answered.then((had) => {
        const left = underWay.get(key)! - 1;
        if (left === 0) underWay.delete(key);
        else underWay.set(key, left);
        const again = taken.delete(row.id);
        // The time of the first stays: who never waits for an answer would send one message for ever otherwise.
        if (!had && !again) note(row, clock.now());
        if (had && again) note(row, null);
      });
    },

    /**
     * Whoever had no answer when the engine ended has time to ask again from now on. Where it died, that is everybody whose
     * message it accepted in its last minute.
     */
    resume({ at, died }: Before): void {
      if (windowMs === 0) return;
      const since = at - windowMs;
      const unansweredAt = clock.now();
      const had = and(isNotNull(messages.unansweredAt), gte(messages.unansweredAt, since));
      const accepted = and(gte(messages.createdAt, since), isNotNull(messages.repeatHash));
      try {
        for (const which of died ? [had, accepted] : [had])
          db.update(messages).set({ unansweredAt }).where(which).run();
        readNewest();
      } catch (err) {
        // A full disk, say: the engine starts all the same.
        log.error({ err }, "callers without an answer of the engine before cannot be told from others");
      }
    },
  };
}
