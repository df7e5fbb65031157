import { and, asc, desc, eq, getTableColumns, gt, inArray, lt, sql } from "drizzle-orm";
import {
  deliveries,
  events,
  withoutSync,
  type Db,
  type DeliveryRow,
  type EventRow,
  equals,
} from "@whatsapp-engine/db";
import type { DeliveryState } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";

export type { DeliveryRow };
export type DeliveryStore = ReturnType<typeof createDeliveryStore>;
/** What an attempt came to, besides the state. */
export type AttemptResult = { lastStatus: number | null; lastError: string | null };

/** Rows taken at once by what works through many of them between other work. */
const BATCH = 500;

/**
 * Rows of deliveries. Those of one webhook and one session are a queue: they go out in the order of their ids. What an
 * attempt came to is written without waiting for the disk: should the machine lose it, the event is delivered again.
 */
export function createDeliveryStore({ db, clock }: { db: Db; clock: Clock }) {
  const insert = db
    .insert(deliveries)
    .values({
      webhookId: sql.placeholder("webhookId"),
      eventId: sql.placeholder("eventId"),
      sessionId: sql.placeholder("sessionId"),
      state: "waiting",
      nextAttemptAt: sql.placeholder("now"),
      createdAt: sql.placeholder("now"),
      updatedAt: sql.placeholder("now"),
    })
    .prepare();
  // Said which index: the one by state would look through all queues of the webhook.
  const headId = db.$client.prepare<[string, string], { id: number }>(
    `select id from deliveries indexed by deliveries_waiting
     where webhook_id = ? and session_id = ? and state = 'waiting' order by id limit 1`,
  );
  const sessionsWaiting = db.$client.prepare<[string], { sessionId: string }>(
    `select distinct session_id as sessionId from deliveries indexed by deliveries_waiting
     where webhook_id = ? and state = 'waiting'`,
  );
  const withEvent = db
    .select({ delivery: getTableColumns(deliveries), event: getTableColumns(events) })
    .from(deliveries)
    .innerJoin(events, eq(events.id, deliveries.eventId))
    .where(eq(deliveries.id, sql.placeholder("id")))
    .prepare();
  const deliver = db
    .update(deliveries)
    .set({
      state: "delivered",
      attempts: sql`${deliveries.attempts} + 1`,
      lastStatus: sql`${sql.placeholder("status")}`,
      lastError: null,
      failingSince: null,
      updatedAt: sql`${sql.placeholder("now")}`,
    })
    .where(and(eq(deliveries.id, sql.placeholder("id")), equals(deliveries.state, "waiting")))
    .prepare();

  /** Some of a webhook's deliveries in a state, oldest first. */
  const oldest = (webhookId: string, state: DeliveryState, after = 0) =>
    db
      .select()
      .from(deliveries)
      .where(
        and(eq(deliveries.webhookId, webhookId), equals(deliveries.state, state), gt(deliveries.id, after)),
      )
      .orderBy(asc(deliveries.id))
      .limit(BATCH)
      .all();

  const waitAgain = (ids: readonly number[]) => {
    const now = clock.now();
    db.update(deliveries)
      .set({ state: "waiting", attempts: 0, failingSince: null, nextAttemptAt: now, updatedAt: now })
      .where(and(inArray(deliveries.id, [...ids]), equals(deliveries.state, "dead")))
      .run();
  };

  return {
    /** Within the transaction that stores the event. */
    add(webhookId: string, event: EventRow): void {
      insert.run({ webhookId, eventId: event.id, sessionId: event.sessionId, now: clock.now() });
    },

    /** The first that waits in a queue, with its event. */
    head(webhookId: string, sessionId: string): { delivery: DeliveryRow; event: EventRow } | undefined {
      const first = headId.get(webhookId, sessionId);
      return first && withEvent.get({ id: first.id });
    },

    /** Sessions of which something waits for this webhook. */
    sessionsOf: (webhookId: string): string[] =>
      sessionsWaiting.all(webhookId).map(({ sessionId }) => sessionId),

    delivered(id: number, status: number): void {
      withoutSync(db, () => deliver.run({ id, status, now: clock.now() }));
    },

    /** Notes a failed attempt; the next one is `waitMs` from now. */
    retry(id: number, result: AttemptResult & { failingSince: number | null; waitMs: number }): void {
      const { waitMs, ...columns } = result;
      const now = clock.now();
      withoutSync(db, () =>
        db
          .update(deliveries)
          .set({
            ...columns,
            attempts: sql`${deliveries.attempts} + 1`,
            nextAttemptAt: now + waitMs,
            updatedAt: now,
          })
          .where(and(eq(deliveries.id, id), equals(deliveries.state, "waiting")))
          .run(),
      );
    },

    /**
     * Gives the head of a queue up, and with it, if `alsoBefore` is given, what was created before that and waits behind
     * it. What comes next is told since when the queue has failed. Returns the rows that were given up.
     */
    giveUp(
      head: DeliveryRow,
      result: AttemptResult & { failingSince: number; alsoBefore: number | null },
    ): number {
      const { alsoBefore, failingSince, ...columns } = result;
      const now = clock.now();
      const queue = and(
        eq(deliveries.webhookId, head.webhookId),
        eq(deliveries.sessionId, head.sessionId),
        sql`${deliveries.state} = 'waiting'`,
      );
      return db.transaction((tx) => {
        const dead = { state: "dead", ...columns, updatedAt: now } as const;
        let rows = tx
          .update(deliveries)
          .set({ ...dead, attempts: sql`${deliveries.attempts} + 1`, failingSince })
          .where(and(eq(deliveries.id, head.id), equals(deliveries.state, "waiting")))
          .run().changes;
        if (alsoBefore !== null)
          rows += tx
            .update(deliveries)
            .set(dead)
            .where(and(queue, lt(deliveries.createdAt, alsoBefore)))
            .run().changes;
        const next = headId.get(head.webhookId, head.sessionId);
        if (next) tx.update(deliveries).set({ failingSince }).where(eq(deliveries.id, next.id)).run();
        return rows;
      });
    },

    /** A webhook's deliveries with the type of their events, newest first, before the id `before`. */
    list(query: {
      webhookId: string;
      state?: DeliveryState | undefined;
      limit: number;
      before?: number | undefined;
    }) {
      const { webhookId, state, limit, before } = query;
      // Each state apart, as the index has them.
      return (state === undefined ? (["waiting", "delivered", "dead"] as const) : [state])
        .flatMap((state) =>
          db
            .select({ ...getTableColumns(deliveries), type: events.type })
            .from(deliveries)
            .innerJoin(events, eq(events.id, deliveries.eventId))
            .where(
              and(
                eq(deliveries.webhookId, webhookId),
                equals(deliveries.state, state),
                before === undefined ? undefined : lt(deliveries.id, before),
              ),
            )
            .orderBy(desc(deliveries.id))
            .limit(limit)
            .all(),
        )
        .toSorted((one, other) => other.id - one.id)
        .slice(0, limit);
    },

    find: (id: number): DeliveryRow | undefined =>
      db.select().from(deliveries).where(eq(deliveries.id, id)).get(),

    /** Has a dead one wait again, from the start. */
    replay: (id: number): void => waitAgain([id]),

    /** Has some of a webhook's dead ones wait again, from that id on. Returns their ids, in order. */
    replaySome(webhookId: string, after: number): number[] {
      const ids = oldest(webhookId, "dead", after).map(({ id }) => id);
      if (ids.length > 0) waitAgain(ids);
      return ids;
    },

    /** Removes some of the delivered ones that were done before `before`. */
    removeDelivered(webhookId: string, before: number): number {
      const ids = oldest(webhookId, "delivered")
        .filter(({ updatedAt }) => updatedAt < before)
        .map(({ id }) => id);
      if (ids.length > 0)
        withoutSync(db, () => db.delete(deliveries).where(inArray(deliveries.id, ids)).run());
      return ids.length;
    },

    /** Gives up some of those that have waited since before `before`, without an attempt. */
    giveUpWaiting(webhookId: string, before: number, lastError: string): number {
      const ids = oldest(webhookId, "waiting")
        .filter(({ createdAt }) => createdAt < before)
        .map(({ id }) => id);
      if (ids.length > 0)
        db.update(deliveries)
          .set({ state: "dead", lastError, updatedAt: clock.now() })
          .where(inArray(deliveries.id, ids))
          .run();
      return ids.length;
    },

    /** Removes some of all that a webhook has. */
    removeSome(webhookId: string): number {
      const ids = db
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(eq(deliveries.webhookId, webhookId))
        .limit(BATCH);
      return withoutSync(db, () => db.delete(deliveries).where(inArray(deliveries.id, ids)).run().changes);
    },
  };
}
