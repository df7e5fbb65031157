import { setTimeout as sleep } from "node:timers/promises";
import { and, asc, eq, inArray, lt, notExists, notInArray, gt, sql } from "drizzle-orm";
import type { MessageStatus } from "@whatsapp-engine/contract/api";
import { bulks, messageCounts, messages, withoutSync, type Db } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";

/** Messages of one step, and when it ends before: so it holds the thread for about 2 ms, and the disk's part for 3. */
const BATCH = 25;
const STEP_MS = 1;
/** What is left to everything else between two steps. */
const PAUSE_MS = 10;

/** What is not at its end, and stays however old it is. */
const OPEN: MessageStatus[] = ["queued", "sending"];

/** Where a step ended: in a session's messages, by their age. */
type Place = { createdAt: number; rowid: number };
const START: Place = { createdAt: -1, rowid: -1 };

/**
 * Removes messages that are at their end and did not change for `retentionMs` (0: none is ever removed), a
 * few at a time, as the thread serves the API too.
 */
export function createRetention(deps: { db: Db; clock: Clock; retentionMs: number; log: Log }) {
  const { db, clock, retentionMs, log } = deps;
  const stopping = new AbortController();
  let running: Promise<number> | undefined;

  // Session by session, along the index that lists are read by: none is kept for the clean-up alone.
  const lookAt = db
    .select({
      rowid: sql<number>`${messages}.rowid`,
      id: messages.id,
      status: messages.status,
      bulkId: messages.bulkId,
      createdAt: messages.createdAt,
      updatedAt: messages.updatedAt,
    })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sql.placeholder("sessionId")),
        lt(messages.createdAt, sql.placeholder("before")),
        sql`(${messages.createdAt}, ${messages}.rowid) > (${sql.placeholder("createdAt")}, ${sql.placeholder("rowid")})`,
      ),
    )
    .orderBy(asc(messages.createdAt), asc(sql`${messages}.rowid`))
    .limit(BATCH)
    .prepare();
  const remove = db
    .delete(messages)
    .where(eq(messages.id, sql.placeholder("id")))
    .prepare();

  const sessionIds = () =>
    db
      .selectDistinct({ sessionId: messageCounts.sessionId })
      .from(messageCounts)
      .where(and(gt(messageCounts.count, 0), notInArray(messageCounts.status, OPEN)))
      .all()
      .map(({ sessionId }) => sessionId);

  /** Removes what is due among the next of a session's messages; answers where it ended, null at the last one. */
  function step(
    sessionId: string,
    before: number,
    place: Place,
    onRemoved: (status: MessageStatus) => void,
  ): Place | null {
    const startedAt = performance.now();
    const rows = lookAt.all({ sessionId, before, ...place });
    const ofBulks = new Set<string>();
    let end: Place | null = null;
    // A loss of power brings back what the next run removes again.
    withoutSync(db, () =>
      db.transaction(() => {
        for (const { id, status, bulkId, createdAt, rowid, updatedAt } of rows) {
          end = { createdAt, rowid };
          if (OPEN.includes(status) || updatedAt >= before) continue;
          remove.run({ id });
          onRemoved(status);
          if (bulkId !== null) ofBulks.add(bulkId);
          if (performance.now() - startedAt > STEP_MS) break;
        }
        if (ofBulks.size > 0) removeEmptyBulks([...ofBulks]);
      }),
    );
    return end;
  }

  function removeEmptyBulks(ids: string[]): void {
    const left = db.select({ id: messages.id }).from(messages).where(eq(messages.bulkId, bulks.id));
    db.delete(bulks)
      .where(and(inArray(bulks.id, ids), notExists(left)))
      .run();
  }

  async function run(): Promise<number> {
    const startedAt = performance.now();
    const before = clock.now() - retentionMs;
    const removed: Partial<Record<MessageStatus, number>> = {};
    const pause = () => sleep(PAUSE_MS, undefined, { signal: stopping.signal });
    try {
      for (const sessionId of sessionIds()) {
        let place: Place | null = START;
        while (
          (place = step(sessionId, before, place, (status) => (removed[status] = (removed[status] ?? 0) + 1)))
        ) {
          await pause();
          // Else the log of changes is written back into the database at once for hundreds of steps.
          db.$client.pragma("wal_checkpoint(PASSIVE)");
          await pause();
        }
      }
    } catch (err) {
      if (!stopping.signal.aborted) throw err;
    }
    const count = Object.values(removed).reduce((sum, n) => sum + n, 0);
    if (count > 0)
      log.info({ removed, ms: Math.round(performance.now() - startedAt) }, "old messages removed");
    return count;
  }

  /** One run at a time; resolves at its end with how many were removed. */
  function removeOld(): Promise<number> {
    if (retentionMs === 0) return Promise.resolve(0);
    running ??= run().finally(() => (running = undefined));
    return running;
  }

  return {
    removeOld,

    /** Ends within one step. */
    async close(): Promise<void> {
      stopping.abort();
      await running;
    },
  };
}
