import type { Clock } from "../lib/clock.ts";
import { toEvent } from "../events/index.ts";
import type { Log } from "../lib/logger.ts";
import { createBackground } from "../lib/background.ts";
import type { CallResult, WebhookCaller } from "./caller.ts";
import type { DeliveryRow, DeliveryStore } from "./deliveries.ts";
import { deliveryIdOf } from "./delivery-id.ts";
import { planRetry, remainingWait } from "./retry.ts";
import { secretsOf } from "./secrets.ts";
import type { WebhookRow, WebhookStore } from "./store.ts";

/** Calls to one webhook under way at once. */
const CALLS_AT_ONCE = 10;
/** After the database failed us. */
const TROUBLE_MS = 5_000;
/** What calls under way get to end in when the engine stops. */
const LAST_CALLS_MS = 1_000;

/** What waits for one webhook of one session. It is called for, is ready to be, or waits for a timer. */
type Queue = {
  readonly sessionId: string;
  timer: NodeJS.Timeout | undefined;
  /** Its time has come, whatever a clock says that may have been set back. */
  due: boolean;
  /** Asked for at once while a call was under way. */
  woken: boolean;
};
type Lane = { readonly queues: Map<string, Queue>; readonly ready: Queue[]; calls: number };

export type WebhookDispatcher = ReturnType<typeof createWebhookDispatcher>;

/**
 * Takes deliveries to their receivers: those of one session to one webhook strictly in order, all else side by side, with
 * a limit for each webhook. What waits is in the database; here is only which queues there are and when they are due.
 */
export function createWebhookDispatcher(deps: {
  webhooks: WebhookStore;
  deliveries: DeliveryStore;
  caller: WebhookCaller;
  random: () => number;
  clock: Clock;
  log: Log;
}) {
  const { webhooks, deliveries, caller, random, clock, log } = deps;
  const background = createBackground(log);
  const lanes = new Map<string, Lane>();

  function laneOf(webhookId: string): Lane {
    const lane = lanes.get(webhookId) ?? { queues: new Map(), ready: [], calls: 0 };
    lanes.set(webhookId, lane);
    return lane;
  }

  /** Sees to it that a queue is worked on; `due`: its first at once, whatever it waits for. */
  function touch(webhookId: string, sessionId: string, due = false): void {
    const lane = laneOf(webhookId);
    if (lane.queues.has(sessionId)) return;
    const queue: Queue = { sessionId, timer: undefined, due, woken: false };
    lane.queues.set(sessionId, queue);
    lane.ready.push(queue);
    pump(webhookId, lane);
  }

  function pump(webhookId: string, lane: Lane): void {
    while (lane.calls < CALLS_AT_ONCE) {
      const queue = lane.ready.shift();
      if (!queue) return;
      lane.calls++;
      background.run(async () => {
        await advance(webhookId, lane, queue);
        lane.calls--;
        pump(webhookId, lane);
      });
    }
  }

  function hold(webhookId: string, lane: Lane, queue: Queue, waitMs: number): void {
    const go = () => {
      queue.timer = undefined;
      queue.due = true;
      lane.ready.push(queue);
      pump(webhookId, lane);
    };
    if (queue.woken || waitMs === 0) return go();
    queue.timer = setTimeout(go, waitMs).unref();
  }

  /** One step of a queue: the attempt that is due, or the wait for it. Never throws. */
  async function advance(webhookId: string, lane: Lane, queue: Queue): Promise<void> {
    const { due } = queue;
    queue.due = false;
    queue.woken = false;
    try {
      const webhook = webhooks.find(webhookId);
      const head = webhook?.enabled ? deliveries.head(webhookId, queue.sessionId) : undefined;
      if (!webhook || !head) return void lane.queues.delete(queue.sessionId);
      const waitMs = due ? 0 : remainingWait(head.delivery, clock.now());
      if (waitMs > 0) return hold(webhookId, lane, queue, waitMs);
      const result = await caller.call({
        url: webhook.url,
        secrets: secretsOf(webhook, clock.now()),
        id: deliveryIdOf(head.delivery),
        body: JSON.stringify(toEvent(head.event)),
      });
      // What was broken off by our own end was not refused by anyone.
      if (background.stopping.aborted && !result.ok) return;
      hold(webhookId, lane, queue, settle(webhook, head.delivery, result));
    } catch (err) {
      log.error({ webhookId, err }, "a webhook's deliveries cannot go on; tried again soon");
      hold(webhookId, lane, queue, TROUBLE_MS);
    }
  }

  /** Writes down what an attempt came to; returns how long the queue waits. */
  function settle(webhook: WebhookRow, delivery: DeliveryRow, result: CallResult): number {
    if (result.ok && result.status !== null) {
      deliveries.delivered(delivery.id, result.status);
      return 0;
    }
    const now = clock.now();
    const failingSince = delivery.failingSince ?? now;
    const outcome = { lastStatus: result.status, lastError: result.error, failingSince };
    const about = {
      webhookId: webhook.id,
      deliveryId: deliveryIdOf(delivery),
      sessionId: delivery.sessionId,
      attempts: delivery.attempts + 1,
      status: result.status,
      reason: result.error,
    };
    // Another receiver has the webhook meanwhile: what the former one said counts for nobody.
    if (webhooks.find(webhook.id)?.url !== webhook.url) {
      deliveries.retry(delivery.id, { ...outcome, failingSince: null, waitMs: 0 });
      log.debug(about, "webhook attempt failed at a URL that was changed meanwhile");
      return 0;
    }
    if (result.status === 410) {
      deliveries.retry(delivery.id, { ...outcome, waitMs: 0 });
      webhooks.change(webhook.id, { enabled: false });
      log.warn({ webhookId: webhook.id }, "webhook disabled: its receiver answered 410 Gone");
      return 0;
    }
    const plan = planRetry(
      {
        ...delivery,
        attempts: about.attempts,
        failingSince,
        answered: result.status !== null,
        retryAfterMs: result.retryAfterMs,
      },
      { now, random },
    );
    if (plan.action === "give_up") {
      const rows = deliveries.giveUp(delivery, { ...outcome, alsoBefore: plan.alsoBefore });
      log.warn({ ...about, deliveries: rows }, "webhook deliveries dead: nothing arrived for a day");
      return 0;
    }
    deliveries.retry(delivery.id, { ...outcome, waitMs: plan.waitMs });
    log.debug({ ...about, waitMs: plan.waitMs }, "webhook attempt failed");
    return plan.waitMs;
  }

  return {
    touch,

    /** Has the queues of these sessions go on at once, whatever they wait for. */
    wake(webhookId: string, sessionIds: readonly string[] = deliveries.sessionsOf(webhookId)): void {
      for (const sessionId of sessionIds) {
        const queue = lanes.get(webhookId)?.queues.get(sessionId);
        if (!queue) {
          touch(webhookId, sessionId, true);
          continue;
        }
        queue.woken = true;
        if (!queue.timer) continue;
        clearTimeout(queue.timer);
        hold(webhookId, laneOf(webhookId), queue, 0);
      }
    },

    /** Knows nothing of a deleted webhook any more. A call under way ends for itself. */
    forget(webhookId: string): void {
      for (const { timer } of lanes.get(webhookId)?.queues.values() ?? []) clearTimeout(timer);
      lanes.delete(webhookId);
    },

    /** Goes on with all that waits in the database. */
    open(): void {
      for (const { id } of webhooks.all()) {
        for (const sessionId of deliveries.sessionsOf(id)) touch(id, sessionId);
      }
    },

    /** Takes nothing new, gives calls under way a moment, then breaks them off: they are repeated at the next start. */
    async close(): Promise<void> {
      background.stop();
      for (const { queues } of lanes.values()) for (const { timer } of queues.values()) clearTimeout(timer);
      const late = setTimeout(() => void caller.close(), LAST_CALLS_MS);
      await background.idle();
      clearTimeout(late);
      await caller.close();
    },
  };
}
