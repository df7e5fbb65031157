import { asc, gt, max, sql } from "drizzle-orm";
import type { EventType } from "@whatsapp-engine/contract";
import { events, type Db, type EventRow } from "@whatsapp-engine/db";
import type { Clock } from "../clock.ts";

export type { EventRow };
export type EventStore = ReturnType<typeof createEventStore>;
/** Records an event within the transaction that makes what it tells true. `at`: milliseconds, now if not given. */
export type AppendEvent = (
  sessionId: string,
  type: EventType,
  data: Record<string, unknown>,
  at?: number,
) => void;

/** Rows of events, numbered per session without gaps. */
export function createEventStore({ db, clock }: { db: Db; clock: Clock }) {
  const listeners = new Set<() => void>();
  const inside: ((event: EventRow) => void)[] = [];
  let told = false;

  const insert = db
    .insert(events)
    .values({
      sessionId: sql.placeholder("sessionId"),
      seq: sql`(select coalesce(max(seq), 0) + 1 from events where session_id = ${sql.placeholder("sessionId")})`,
      type: sql.placeholder("type"),
      data: sql.placeholder("data"),
      at: sql.placeholder("at"),
    })
    .returning()
    .prepare();

  /** Transactions are synchronous, so by then this one is committed, or undone and there is nothing to see. */
  function tellLater(): void {
    if (told) return;
    told = true;
    setImmediate(() => {
      told = false;
      for (const listener of listeners) listener();
    });
  }

  const append: AppendEvent = (sessionId, type, data, at = clock.now()) => {
    const row = insert.get({ sessionId, type, data, at });
    for (const listener of inside) listener(row);
    tellLater();
  };

  return {
    append,

    /** Calls `listener` within the transaction that stores an event, for what must be written with it. */
    onAppend(listener: (event: EventRow) => void): void {
      inside.push(listener);
    },

    /** Calls back soon after events were stored, once for many; returns the way to stop that. */
    onStored(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** The newest event's id; 0 when there is none. */
    newestId: (): number =>
      db
        .select({ id: max(events.id) })
        .from(events)
        .get()?.id ?? 0,

    /** Events with an id above `id`, in their order. */
    after: (id: number, limit: number): EventRow[] =>
      db.select().from(events).where(gt(events.id, id)).orderBy(asc(events.id)).limit(limit).all(),
  };
}
