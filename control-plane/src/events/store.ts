import { and, asc, desc, eq, gt, lte, max, sql } from "drizzle-orm";
import type { Event, EventData, EventType } from "@whatsapp-engine/contract/api";
import { eventRetention, events, type Db, type EventRow, limitOf } from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";

export type { EventRow };
export type EventStore = ReturnType<typeof createEventStore>;
/** Records an event within the transaction that makes what it tells true. `at`: milliseconds, now if not given. */
export type AppendEvent = <Type extends EventType>(
  sessionId: string,
  type: Type,
  data: EventData<Type>,
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

  const pageOfAll = db
    .select()
    .from(events)
    .where(gt(events.id, sql.placeholder("after")))
    .orderBy(asc(events.id))
    .limit(limitOf("limit"))
    .prepare();
  // By number, which the index of a session's events is in the order of.
  const pageOfSession = db
    .select()
    .from(events)
    .where(and(eq(events.sessionId, sql.placeholder("sessionId")), gt(events.seq, sql.placeholder("seq"))))
    .orderBy(asc(events.seq))
    .limit(limitOf("limit"))
    .prepare();
  const ofId = db
    .select({ sessionId: events.sessionId, seq: events.seq })
    .from(events)
    .where(eq(events.id, sql.placeholder("id")))
    .prepare();

  /** The number of a session's last event up to this id, which is nearly always one of its own. */
  function seqAt(sessionId: string, id: number): number {
    const event = ofId.get({ id });
    if (event?.sessionId === sessionId) return event.seq;
    const before = db
      .select({ seq: events.seq })
      .from(events)
      .where(and(eq(events.sessionId, sessionId), lte(events.id, id)))
      .orderBy(desc(events.seq))
      .limit(1)
      .get();
    return before?.seq ?? 0;
  }

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

    /** Up to this id some events are no longer kept; 0: none was removed. */
    removedTo: (): number => db.select().from(eventRetention).get()?.removedTo ?? 0,

    /** Whether anything is known of this session. The newest event of a session is always kept. */
    has: (sessionId: string): boolean =>
      db.select({ id: events.id }).from(events).where(eq(events.sessionId, sessionId)).limit(1).get() !==
      undefined,

    /** Events with an id above `after`, in their order; of one session, if it is named. */
    page({
      after,
      limit,
      sessionId,
    }: {
      after: number;
      limit: number;
      sessionId?: string | undefined;
    }): EventRow[] {
      if (sessionId === undefined) return pageOfAll.all({ after, limit });
      return pageOfSession.all({ sessionId, seq: after === 0 ? 0 : seqAt(sessionId, after), limit });
    },
  };
}

/** Of events that an older engine recorded, what it did not know. */
const ADDED_SINCE: { [Type in EventType]?: Partial<EventData<Type>> } = {
  "message.status": { waitsFor: null }, // before 2026-11-29
};

/** An event as the API shows it: its data as `append` took it for its type, by this engine or an older one. */
export const toEvent = ({ id, sessionId, seq, type, at, data }: EventRow) =>
  ({ id, sessionId, seq, type, at: iso(at), data: { ...ADDED_SINCE[type], ...data } }) as Event;
