import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  AppError,
  WEBHOOK_TEST_EVENT,
  type ChangeWebhook,
  type CreateWebhook,
  type Delivery,
  type ListDeliveriesQuery,
  type ListWebhooksQuery,
  type Webhook,
} from "@whatsapp-engine/contract/api";
import { AddressRefused } from "../lib/address-guard.ts";
import { iso, type Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import { ageCursor, createCursor, pageOf } from "../lib/paging.ts";
import type { WebhookCaller } from "./caller.ts";
import type { DeliveryRow, DeliveryStore } from "./deliveries.ts";
import { deliveryIdOf, numberOfDelivery } from "./delivery-id.ts";
import type { WebhookDispatcher } from "./dispatcher.ts";
import { FORMER_SECRET_MS, makeSecret, secretsOf } from "./secrets.ts";
import type { WebhookRow, WebhookStore } from "./store.ts";

/** Of a receiver's answer to a test call. */
const SHOWN_CHARACTERS = 1_000;

const deliveryCursor = createCursor(deliveryIdOf, numberOfDelivery);

export type WebhookService = ReturnType<typeof createWebhookService>;

/** The verbs of the API on webhooks and their deliveries. */
export function createWebhookService(deps: {
  store: WebhookStore;
  deliveries: DeliveryStore;
  dispatcher: WebhookDispatcher;
  caller: WebhookCaller;
  /** Has what a deleted webhook left removed. */
  requestCleanup: () => void;
  clock: Clock;
  log: Log;
}) {
  const { store, deliveries, dispatcher, caller, clock, log } = deps;

  const found = (row: WebhookRow | undefined, webhookId: string): WebhookRow => {
    if (row) return row;
    throw new AppError("webhook_not_found", `There is no webhook '${webhookId}'.`);
  };
  const required = (webhookId: string) => found(store.find(webhookId), webhookId);

  async function checkUrl(url: string): Promise<void> {
    try {
      await caller.check(url);
    } catch (error) {
      if (!(error instanceof AddressRefused)) throw error;
      const { message } = error;
      throw new AppError("webhook_url_refused", `url ${message}.`, { details: [{ field: "url", message }] });
    }
  }

  return {
    /** Makes a webhook, told of what happens from now on. Throws `webhook_url_refused`. */
    async create(input: CreateWebhook): Promise<{ webhook: Webhook; secret: string }> {
      await checkUrl(input.url);
      const { url, events, sessionId, secret = makeSecret() } = input;
      const row = store.create({ url, events, sessionId, secret });
      log.info({ webhookId: row.id, sessionId, events }, "webhook created");
      return { webhook: toWebhook(row), secret };
    },

    get: (webhookId: string): Webhook => toWebhook(required(webhookId)),

    /** A page in order of creation. Throws `invalid_cursor`. */
    list(query: ListWebhooksQuery): { webhooks: Webhook[]; nextCursor: string | null } {
      const { rows, nextCursor } = pageOf(query, ageCursor, store.list);
      return { webhooks: rows.map(toWebhook), nextCursor };
    },

    /** Changes what is given; what waits is tried at once. Throws `webhook_not_found`, `webhook_url_refused`. */
    async change(webhookId: string, change: ChangeWebhook): Promise<Webhook> {
      const before = required(webhookId);
      if (change.url !== undefined) await checkUrl(change.url);
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const row = found(store.change(webhookId, given), webhookId);
      const what = before.enabled === row.enabled ? "changed" : row.enabled ? "enabled" : "disabled";
      log.info({ webhookId }, `webhook ${what}`);
      dispatcher.wake(webhookId);
      return toWebhook(row);
    },

    /** Removes it; its deliveries go in the background. Throws `webhook_not_found`. */
    remove(webhookId: string): void {
      found(store.change(webhookId, { enabled: false, deletedAt: clock.now() }), webhookId);
      dispatcher.forget(webhookId);
      deps.requestCleanup();
      log.info({ webhookId }, "webhook deleted");
    },

    /** Makes a new secret; the present one signs too for a while, the one before it no more. */
    rotateSecret(webhookId: string): { webhook: Webhook; secret: string } {
      const { secret: formerSecret } = required(webhookId);
      const secret = makeSecret();
      const formerSecretUntil = clock.now() + FORMER_SECRET_MS;
      const row = found(store.change(webhookId, { secret, formerSecret, formerSecretUntil }), webhookId);
      log.info({ webhookId }, "webhook's secret rotated");
      return { webhook: toWebhook(row), secret };
    },

    /** Calls the receiver right now with an event that did not happen, whether the webhook is enabled or not. */
    async test(webhookId: string) {
      const webhook = required(webhookId);
      const now = clock.now();
      const startedAt = performance.now();
      const { ok, status, error, answer } = await caller.call({
        url: webhook.url,
        secrets: secretsOf(webhook, now),
        id: `test_${randomUUID()}`,
        body: JSON.stringify({
          id: 0,
          sessionId: webhook.sessionId ?? "test",
          seq: 0,
          type: WEBHOOK_TEST_EVENT,
          at: iso(now),
          data: {},
        }),
      });
      const ms = Math.round(performance.now() - startedAt);
      return { delivered: ok, status, error, body: answer?.slice(0, SHOWN_CHARACTERS) ?? null, ms };
    },

    /** A page of deliveries, newest first. Throws `webhook_not_found`, `invalid_cursor`. */
    deliveries(
      webhookId: string,
      { state, ...page }: ListDeliveriesQuery,
    ): { deliveries: Delivery[]; nextCursor: string | null } {
      required(webhookId);
      const { rows, nextCursor } = pageOf(page, deliveryCursor, (limit, before) =>
        deliveries.list({ webhookId, state, limit, before }),
      );
      return { deliveries: rows.map(toDelivery), nextCursor };
    },

    /** Has one dead delivery wait again. Throws `webhook_not_found`, `delivery_not_found`, `delivery_not_dead`. */
    replay(webhookId: string, deliveryId: string): number {
      required(webhookId);
      const number = numberOfDelivery(deliveryId);
      const row = number === undefined ? undefined : deliveries.find(number);
      if (!row || row.webhookId !== webhookId || deliveryIdOf(row) !== deliveryId) {
        throw new AppError("delivery_not_found", `Webhook '${webhookId}' has no delivery '${deliveryId}'.`);
      }
      if (row.state !== "dead") {
        throw new AppError(
          "delivery_not_dead",
          `The delivery is ${row.state}; only a dead one can be sent again.`,
          { extra: { state: row.state } },
        );
      }
      deliveries.replay(row.id);
      dispatcher.wake(webhookId, [row.sessionId]);
      return 1;
    },

    /** Has all dead deliveries wait again; returns how many. Throws `webhook_not_found`. */
    async replayAll(webhookId: string): Promise<number> {
      required(webhookId);
      let replayed = 0;
      // Upwards, once: one that dies again meanwhile is not for this call.
      for (let after = 0; ; await nextTurn()) {
        const ids = deliveries.replaySome(webhookId, after);
        const last = ids.at(-1);
        if (last === undefined) break;
        after = last;
        replayed += ids.length;
      }
      if (replayed > 0) dispatcher.wake(webhookId);
      return replayed;
    },
  };
}

const toWebhook = (row: WebhookRow): Webhook => ({
  webhookId: row.id,
  url: row.url,
  events: row.events,
  sessionId: row.sessionId,
  enabled: row.enabled,
  formerSecretUntil: row.formerSecretUntil === null ? null : iso(row.formerSecretUntil),
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});

const toDelivery = (row: DeliveryRow & Pick<Delivery, "type">): Delivery => ({
  deliveryId: deliveryIdOf(row),
  eventId: row.eventId,
  sessionId: row.sessionId,
  type: row.type,
  state: row.state,
  attempts: row.attempts,
  nextAttemptAt: row.state === "waiting" ? iso(row.nextAttemptAt) : null,
  lastStatus: row.lastStatus,
  lastError: row.lastError,
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});
