import { eq, max, sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { bulks, messages, type Db } from "@whatsapp-engine/db";
import type { Clock } from "../../lib/clock.ts";

export type BulkPace = ReturnType<typeof createBulkPace>;

/** Bulks whose pace is kept in memory; of one more it is read again. */
const MAX_KEPT = 1_000;

/**
 * Bulks that go at a pace of their own. One message of each stands in the queue; the next gets there when that has gone out and the pause is
 * over, so that they hold nobody else up. All of it follows from `messages.handed_at`, so that a restart changes nothing.
 */
export function createBulkPace(deps: {
  db: Db;
  clock: Clock;
  /** Puts the bulk's next message in the queue where none of it is; whether it did. */
  enqueueNext: (bulkId: string) => boolean;
}) {
  const { db, clock } = deps;
  const known = new LRUCache<string, { pauseMs: number; readyAt: number }>({ max: MAX_KEPT });
  // Written out, so that the partial index `bulks_paced` is used.
  const paced = db
    .select({ id: bulks.id, sessionId: bulks.sessionId })
    .from(bulks)
    .where(sql`${bulks.state} = 'running' and ${bulks.pauseMs} is not null`)
    .prepare();

  function of(bulkId: string): { pauseMs: number; readyAt: number } {
    const found = known.get(bulkId);
    if (found) return found;
    const bulk = db.select({ pauseMs: bulks.pauseMs }).from(bulks).where(eq(bulks.id, bulkId)).get();
    const pauseMs = bulk?.pauseMs ?? 0;
    const made = { pauseMs, readyAt: pauseMs === 0 ? 0 : lastHanded(bulkId) + pauseMs };
    known.set(bulkId, made);
    return made;
  }

  const lastHanded = (bulkId: string): number => {
    const row = db
      .select({ at: max(messages.handedAt) })
      .from(messages)
      .where(eq(messages.bulkId, bulkId))
      .get();
    // After a clock was set back nobody waits for longer than the pause.
    return Math.min(row?.at ?? 0, clock.now());
  };

  return {
    /** Milliseconds since 1970 from which the next message of the bulk may go out; 0: at once. */
    readyAt: (bulkId: string): number => of(bulkId).readyAt,

    /** A message of the bulk was handed over at `at`; returns when the next one may be, null: at any time. */
    handed(bulkId: string, at: number): number | null {
      const { pauseMs } = of(bulkId);
      if (pauseMs === 0) return null;
      known.set(bulkId, { pauseMs, readyAt: at + pauseMs });
      return at + pauseMs;
    },

    /** Puts in the queue what may go now. Returns the sessions that it was for, and when to call again; null: not for any that runs now. */
    feed(): { sessionIds: string[]; again: number | null } {
      const now = clock.now();
      const sessionIds: string[] = [];
      let again: number | null = null;
      for (const { id, sessionId } of paced.all()) {
        const { readyAt } = of(id);
        if (readyAt > now) again = Math.min(again ?? readyAt, readyAt);
        else if (deps.enqueueNext(id)) sessionIds.push(sessionId);
      }
      return { sessionIds, again };
    },
  };
}
