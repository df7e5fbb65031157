import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  MAX_BULK_RECIPIENTS,
  type Bulk,
  type BulkCheck,
  type BulkState,
  type ListBulksQuery,
  type SendBulk,
  type SkippedRecipient,
} from "@whatsapp-engine/contract/api";
import type { BulkRow } from "@whatsapp-engine/db";
import { iso, type Clock } from "../../lib/clock.ts";
import { createGate } from "../../lib/gate.ts";
import { createLocks } from "../../lib/locks.ts";
import type { Log } from "../../lib/logger.ts";
import { newId } from "../ids.ts";
import { toContent } from "../content.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { BulkMessage } from "../rows.ts";
import { hashOf, refuseIfOther, type MessageService } from "../service.ts";
import type { MessageStore } from "../store.ts";
import type { People } from "../../people/index.ts";
import type { LiveSessions } from "../../connection/index.ts";
import { ageCursor, pageOf } from "../../lib/paging.ts";
import type { SessionService } from "../../sessions/index.ts";
import { giveWay } from "../../lib/turns.ts";
import { dryRun } from "./dry-run.ts";
import { checkRecipients, type CheckedRecipient } from "./recipients.ts";
import { reportOf } from "./report.ts";

/** Problems of one answer; as many as a bulk may have recipients. */
const MAX_DETAILS = MAX_BULK_RECIPIENTS;
/** How long a bulk waits for its turn to be looked through, and to get to the disk, each of which takes less than a second. */
const WAIT_MS = 10_000;

export type BulkService = ReturnType<typeof createBulkService>;
export type BulkAccepted = {
  bulk: Bulk;
  messages: { messageId: string; to: string; clientMessageId: string | null }[];
  skipped: SkippedRecipient[];
};

/** Many messages in one call: all that are valid are accepted or none, and each has its own outcome. */
export function createBulkService(deps: {
  store: MessageStore;
  people: Pick<People, "formsOf" | "isKnown">;
  suppressed: (sessionId: string, recipient: string) => boolean;
  messages: Pick<MessageService, "readContent" | "prepareContent" | "times">;
  dispatcher: Dispatcher;
  live: LiveSessions;
  sessions: Pick<SessionService, "get">;
  defaultCountry: CountryCode;
  /** Accepted at a time; the others wait. */
  bulksAtOnce: number;
  clock: Clock;
  log: Log;
}) {
  const { store, dispatcher, clock, log } = deps;
  const locks = createLocks();
  const gate = createGate({
    room: deps.bulksAtOnce,
    waitMs: WAIT_MS,
    of: `As many bulks as may be accepted at once (BULK_CONCURRENCY, ${deps.bulksAtOnce})`,
  });

  function find(sessionId: string, bulkId: string): BulkRow {
    const bulk = store.bulks.find(bulkId);
    if (bulk?.sessionId === sessionId) return bulk;
    throw new AppError("bulk_not_found", `Session '${sessionId}' has no bulk '${bulkId}'.`);
  }

  function show(bulk: BulkRow): Bulk {
    const counts = store.bulks.countsOf(bulk.id);
    return {
      bulkId: bulk.id,
      sessionId: bulk.sessionId,
      clientBulkId: bulk.clientBulkId,
      state: bulk.state,
      total: bulk.total,
      counts: counts as Bulk["counts"],
      skipped: bulk.skipped?.length ?? 0,
      pauseMs: bulk.pauseMs,
      finished: counts.queued === undefined && counts.sending === undefined,
      createdAt: iso(bulk.createdAt),
      updatedAt: iso(bulk.updatedAt),
    };
  }

  const accepted = (bulk: BulkRow): BulkAccepted => ({
    bulk: show(bulk),
    messages: store.bulks.messagesOf(bulk.id).map(({ id, recipient, clientMessageId }) => ({
      messageId: id,
      to: recipient,
      clientMessageId,
    })),
    skipped: bulk.skipped ?? [],
  });

  const check = (sessionId: string, input: SendBulk) =>
    gate.run(() =>
      checkRecipients(input, toContent(input, deps.defaultCountry).text, {
        people: deps.people,
        defaultCountry: deps.defaultCountry,
        isUsed: (clientMessageId) => store.findByClientId(sessionId, clientMessageId) !== undefined,
      }),
    );

  /** Throws `invalid_request` that names each recipient that is wrong, where those are not to be skipped or no other is left. */
  function sortOut(checked: readonly CheckedRecipient[], { onInvalid }: SendBulk) {
    const invalid = checked.filter(({ problems }) => problems.length > 0);
    const valid = checked.filter(({ problems }) => problems.length === 0);
    if (invalid.length > 0 && (onInvalid !== "skip" || valid.length === 0))
      throw new AppError("invalid_request", "The request's body is not valid; nothing was accepted.", {
        details: invalid.flatMap(({ problems }) => problems).slice(0, MAX_DETAILS),
      });
    const skipped = invalid.map(({ index, row, to, problems }): SkippedRecipient => ({
      index,
      row,
      to,
      problems,
    }));
    return { valid, skipped: skipped.length > 0 ? skipped : null };
  }

  /** What stands between two messages, by the pace that was asked for. */
  function pauseOf({ pace }: SendBulk): number | null {
    const perMessage = pace?.perMinute === undefined ? 0 : Math.ceil(60_000 / pace.perMinute);
    return Math.max(perMessage, pace?.pauseMs ?? 0) || null;
  }

  /** Who asks for a pace has the time that it takes, unless an end was given. */
  const expiryOf = ({ expiresAt }: SendBulk, until: number | null, takesMs: number): number | null =>
    until === null || expiresAt !== undefined ? until : until + takesMs;

  function setState(sessionId: string, bulkId: string, state: BulkState): Bulk {
    const before = find(sessionId, bulkId);
    if (before.state === "finished") return show(before);
    if (before.state === "cancelled" && state !== "cancelled")
      throw new AppError("bulk_ended", "The bulk was cancelled and cannot go on.");
    store.bulks.setState(bulkId, state);
    if (before.state !== state) log.info({ sessionId, bulkId, state }, "bulk");
    dispatcher.feedBulks();
    dispatcher.wake(sessionId);
    return show(find(sessionId, bulkId));
  }

  async function accept(
    sessionId: string,
    input: SendBulk,
    requestHash: string | null,
  ): Promise<BulkAccepted> {
    deps.sessions.get(sessionId);
    const pauseMs = pauseOf(input);
    const times = deps.messages.times(input);
    const checked = await check(sessionId, input);
    const { valid, skipped } = sortOut(checked, input);
    const columns = await deps.messages.prepareContent(input);
    const bulkId = newId();
    const now = clock.now();
    const bulk: BulkRow = {
      id: bulkId,
      sessionId,
      state: "running",
      total: valid.length,
      clientBulkId: input.clientBulkId ?? null,
      requestHash,
      skipped,
      pauseMs,
      createdAt: now,
      updatedAt: now,
    };
    const all = valid.map(({ index, recipient, body, clientMessageId }): BulkMessage => ({
      id: newId(),
      recipient: recipient!,
      body,
      clientMessageId,
      // Another one than that of a single message, which is no repetition of this one.
      requestHash: clientMessageId === null ? null : `${bulkId} ${index}`,
    }));
    const expiresAt = expiryOf(input, times.expiresAt, (pauseMs ?? 0) * all.length);
    const shared = { ...columns, ...times, expiresAt, sessionId, bulkId };
    // The session may be deleted meanwhile.
    await gate.run(() => store.addAll(all, shared, bulk, () => deps.sessions.get(sessionId)));
    await giveWay();
    log.info({ sessionId, bulkId, total: all.length, skipped: skipped?.length ?? 0 }, "bulk accepted");
    dispatcher.feedBulks();
    dispatcher.wake(sessionId);
    return {
      bulk: show(bulk),
      messages: all.map(({ id, recipient, clientMessageId }) => ({
        messageId: id,
        to: recipient,
        clientMessageId,
      })),
      skipped: skipped ?? [],
    };
  }

  return {
    /**
     * Accepts all messages or none (with `onInvalid: "skip"` all that are valid); resolves when they are on disk. Recipients who must not
     * be written to are accepted, and fail each with `recipient_suppressed`.
     */
    async create(sessionId: string, input: SendBulk): Promise<BulkAccepted> {
      const { clientBulkId } = input;
      if (clientBulkId === undefined) return accept(sessionId, input, null);
      const requestHash = hashOf(input);
      // The same call that comes meanwhile has the answer of the first.
      return locks.run(`${sessionId} ${clientBulkId}`, () => {
        const before = store.bulks.findByClientId(sessionId, clientBulkId);
        if (before) refuseIfOther(before, requestHash);
        return before ? accepted(before) : accept(sessionId, input, requestHash);
      });
    },

    /** What would become of it; nothing is kept, and nothing is sent. */
    async dryRun(sessionId: string, input: SendBulk): Promise<BulkCheck> {
      deps.sessions.get(sessionId);
      deps.messages.times(input);
      const checked = await check(sessionId, input);
      await deps.messages.readContent(input);
      const runner = deps.live.get(sessionId);
      return dryRun(checked, {
        suppressed: (recipient) => deps.suppressed(sessionId, recipient),
        isKnown: deps.people.isKnown,
        runner: runner?.state?.status === "connected" ? runner.client : null,
      });
    },

    get(sessionId: string, bulkId: string): { bulk: Bulk; skipped: SkippedRecipient[] } {
      const bulk = find(sessionId, bulkId);
      return { bulk: show(bulk), skipped: bulk.skipped ?? [] };
    },

    /** A page of a session's bulks, newest first; also of a session that is deleted. Throws `invalid_cursor`. */
    list(sessionId: string, { state, ...page }: ListBulksQuery) {
      const { rows, nextCursor } = pageOf(page, ageCursor, (limit, after) =>
        store.bulks.list({ sessionId, state, limit, after }),
      );
      return { bulks: rows.map(show), nextCursor };
    },

    /** What became of each recipient, as CSV. */
    report(sessionId: string, bulkId: string, delimiter: string): string {
      const { id, skipped } = find(sessionId, bulkId);
      return reportOf(store.bulks.messagesOf(id), skipped ?? [], delimiter);
    },

    pause: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "paused"),
    resume: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "running"),
    cancel: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "cancelled"),
  };
}
