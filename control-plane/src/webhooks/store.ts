import { randomUUID } from "node:crypto";
import { and, asc, eq, isNotNull, isNull } from "drizzle-orm";
import { rowsAfter, webhooks, type Db, type WebhookRow } from "@whatsapp-engine/db";
import type { EventType } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import type { Age } from "../lib/paging.ts";

export type { WebhookRow };
export type WebhookStore = ReturnType<typeof createWebhookStore>;
export type WebhookChange = Partial<
  Pick<
    WebhookRow,
    "url" | "events" | "sessionId" | "enabled" | "secret" | "formerSecret" | "formerSecretUntil" | "deletedAt"
  >
>;

/** Rows of webhooks. Nobody else writes them, so those in use are read once and kept until one changes. */
export function createWebhookStore({ db, clock }: { db: Db; clock: Clock }) {
  let inUse: Map<string, WebhookRow> | undefined;

  const present = (): Map<string, WebhookRow> =>
    (inUse ??= new Map(
      db
        .select()
        .from(webhooks)
        .where(isNull(webhooks.deletedAt))
        .all()
        .map((row) => [row.id, row]),
    ));

  return {
    find: (id: string): WebhookRow | undefined => present().get(id),

    /** The enabled ones that are told of such an event. */
    toldOf: (event: { sessionId: string; type: EventType }): WebhookRow[] =>
      [...present().values()].filter(
        ({ enabled, sessionId, events }) =>
          enabled &&
          (sessionId === null || sessionId === event.sessionId) &&
          (events === null || events.includes(event.type)),
      ),

    create(input: Pick<WebhookRow, "url" | "events" | "sessionId" | "secret">): WebhookRow {
      const now = clock.now();
      inUse = undefined;
      return db
        .insert(webhooks)
        .values({ id: randomUUID(), enabled: true, createdAt: now, updatedAt: now, ...input })
        .returning()
        .get();
    },

    /** The row afterwards; undefined if there is no such webhook. */
    change(id: string, change: WebhookChange): WebhookRow | undefined {
      inUse = undefined;
      return db
        .update(webhooks)
        .set({ ...change, updatedAt: clock.now() })
        .where(and(eq(webhooks.id, id), isNull(webhooks.deletedAt)))
        .returning()
        .get();
    },

    /** In order of creation, those after `after`. */
    list(limit: number, after?: Age): WebhookRow[] {
      return db
        .select()
        .from(webhooks)
        .where(and(isNull(webhooks.deletedAt), rowsAfter([webhooks.createdAt, webhooks.id], after)))
        .orderBy(asc(webhooks.createdAt), asc(webhooks.id))
        .limit(limit)
        .all();
    },

    /** Deleted ones whose deliveries may not all be removed yet. */
    deletedIds: (): string[] =>
      db
        .select({ id: webhooks.id })
        .from(webhooks)
        .where(isNotNull(webhooks.deletedAt))
        .all()
        .map(({ id }) => id),

    /** Every webhook that is not deleted. */
    all: (): WebhookRow[] => [...present().values()],

    /** Removes the row of a deleted webhook, once it has no deliveries. */
    remove(id: string): void {
      db.delete(webhooks).where(eq(webhooks.id, id)).run();
    },
  };
}
