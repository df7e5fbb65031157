import { asc, inArray, lt, sql, and } from "drizzle-orm";
import { deliveries, eventRetention, events, withoutSync, type Db } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import type { CleanupBatch } from "../lib/janitor.ts";

const BATCH = 500;

/**
 * Removes events that are older than `keepMs` (0: none ever), and their deliveries. Kept are the newest of each session,
 * which the next one's number is counted from, and those that a webhook still waits for.
 */
export function createEventRetention({
  db,
  clock,
  keepMs,
}: {
  db: Db;
  clock: Clock;
  keepMs: number;
}): CleanupBatch {
  const old = db
    .select({ id: events.id })
    .from(events)
    .where(
      and(
        lt(events.at, sql.placeholder("before")),
        sql`exists (select 1 from ${events} newer where newer.session_id = ${events.sessionId} and newer.seq > ${events.seq})`,
        sql`not exists (select 1 from ${deliveries} d where d.event_id = ${events.id} and d.state = 'waiting')`,
      ),
    )
    .orderBy(asc(events.at))
    .limit(BATCH)
    .prepare();

  return () => {
    if (keepMs === 0) return 0;
    const ids = old.all({ before: clock.now() - keepMs }).map(({ id }) => id);
    if (ids.length === 0) return 0;
    const removedTo = Math.max(...ids);
    withoutSync(db, () =>
      db.transaction((tx) => {
        tx.delete(deliveries).where(inArray(deliveries.eventId, ids)).run();
        tx.delete(events).where(inArray(events.id, ids)).run();
        tx.insert(eventRetention)
          .values({ id: 1, removedTo })
          .onConflictDoUpdate({
            target: eventRetention.id,
            set: { removedTo: sql`max(${eventRetention.removedTo}, ${removedTo})` },
          })
          .run();
      }),
    );
    return ids.length;
  };
}
