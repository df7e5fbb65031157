import type { Db } from "@whatsapp-engine/db";
import { isPublicAddress } from "../lib/address-guard.ts";
import type { Clock } from "../lib/clock.ts";
import type { EventStore } from "../events/index.ts";
import type { Log } from "../lib/logger.ts";
import { inBatches, type CleanupBatch } from "../lib/janitor.ts";
import { createWebhookCaller } from "./caller.ts";
import { createDeliveryStore } from "./deliveries.ts";
import { createWebhookDispatcher } from "./dispatcher.ts";
import { createWebhookService } from "./service.ts";
import { createWebhookStore } from "./store.ts";

/** How long one can look up what was delivered. */
const DELIVERED_KEPT_MS = 3 * 24 * 60 * 60_000;

/** Puts the parts of this folder together. */
export function createWebhooks(deps: {
  db: Db;
  events: EventStore;
  allowPrivate: boolean;
  /** How long events are kept; 0: for ever. */
  keepEventsMs: number;
  /** Has what a deleted webhook leaves behind removed soon. */
  requestCleanup: () => void;
  random: () => number;
  clock: Clock;
  log: Log;
}) {
  const { db, events, clock, log } = deps;
  const store = createWebhookStore({ db, clock });
  const deliveries = createDeliveryStore({ db, clock });
  const permits = deps.allowPrivate ? () => true : isPublicAddress;
  const caller = createWebhookCaller({ permits, clock });
  const dispatcher = createWebhookDispatcher({
    webhooks: store,
    deliveries,
    caller,
    random: deps.random,
    clock,
    log,
  });
  const service = createWebhookService({
    store,
    deliveries,
    dispatcher,
    caller,
    requestCleanup: deps.requestCleanup,
    clock,
    log,
  });

  /** Lines that something was added to since the dispatcher was told. */
  let grown = new Map<string, Set<string>>();
  events.onAppend((event) => {
    for (const { id } of store.toldOf(event)) {
      deliveries.add(id, event);
      const sessions = grown.get(id) ?? new Set();
      grown.set(id, sessions.add(event.sessionId));
    }
  });
  const unsubscribe = events.onStored(() => {
    const lines = grown;
    grown = new Map();
    for (const [id, sessions] of lines) for (const sessionId of sessions) dispatcher.touch(id, sessionId);
  });

  const removeDelivered: CleanupBatch = () => {
    const before = clock.now() - DELIVERED_KEPT_MS;
    return store.all().reduce((rows, { id }) => rows + deliveries.removeDelivered(id, before), 0);
  };

  /** What a disabled webhook would keep for ever: its deliveries, and with them their events. */
  const giveUpDisabled: CleanupBatch = () => {
    if (deps.keepEventsMs === 0) return 0;
    const before = clock.now() - deps.keepEventsMs;
    const why = "the webhook was disabled for as long as events are kept";
    return store
      .all()
      .filter(({ enabled }) => !enabled)
      .reduce((rows, { id }) => rows + deliveries.giveUpWaiting(id, before, why), 0);
  };

  const removeDeleted: CleanupBatch = () => {
    const [id] = store.deletedIds();
    if (id === undefined) return 0;
    const rows = deliveries.removeSome(id);
    if (rows === 0) store.remove(id);
    return Math.max(rows, 1);
  };

  return {
    service,
    /** Remove deliveries that are no longer kept: those of deleted webhooks, and by their age. */
    cleanup: {
      ofDeleted: inBatches(removeDeleted),
      byAge: [inBatches(removeDelivered), inBatches(giveUpDisabled)],
    },
    open: () => dispatcher.open(),
    async close(): Promise<void> {
      unsubscribe();
      await dispatcher.close();
    },
  };
}
