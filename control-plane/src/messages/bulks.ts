import { randomUUID } from "node:crypto";
import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  type Bulk,
  type BulkState,
  type ErrorDetail,
  type SendBulk,
} from "@whatsapp-engine/contract";
import type { BulkRow } from "@whatsapp-engine/db";
import { iso, type Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { People } from "../people/people.ts";
import { toRecipient } from "../people/recipient.ts";
import type { SessionService } from "../sessions/service.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { hashOf, refuseIfOther, type MessageService } from "./service.ts";
import type { NewMessage } from "./rows.ts";
import type { MessageStore } from "./store.ts";

export type BulkService = ReturnType<typeof createBulkService>;
export type BulkAccepted = {
  bulk: Bulk;
  messages: { messageId: string; to: string; clientMessageId: string | null }[];
};

/** Many messages in one call: all are accepted or none, and each has its own outcome. */
export function createBulkService(deps: {
  store: MessageStore;
  people: Pick<People, "formsOf">;
  messages: Pick<MessageService, "prepareContent" | "times">;
  dispatcher: Dispatcher;
  sessions: Pick<SessionService, "get">;
  defaultCountry: CountryCode;
  clock: Clock;
  log: Log;
}) {
  const { store, dispatcher, clock, log } = deps;

  function find(sessionId: string, bulkId: string): BulkRow {
    const bulk = store.findBulk(bulkId);
    if (bulk?.sessionId === sessionId) return bulk;
    throw new AppError("bulk_not_found", `Session '${sessionId}' has no bulk '${bulkId}'.`);
  }

  function show(bulk: BulkRow): Bulk {
    const counts = Object.fromEntries(store.progressOf(bulk.id).map(({ status, count }) => [status, count]));
    return {
      bulkId: bulk.id,
      sessionId: bulk.sessionId,
      state: bulk.state,
      total: bulk.total,
      counts: counts as Bulk["counts"],
      finished: counts["queued"] === undefined && counts["sending"] === undefined,
      createdAt: iso(bulk.createdAt),
      updatedAt: iso(bulk.updatedAt),
    };
  }

  const accepted = (bulk: BulkRow): BulkAccepted => ({
    bulk: show(bulk),
    messages: store.messagesOfBulk(bulk.id).map(({ id, recipient, clientMessageId }) => ({
      messageId: id,
      to: recipient,
      clientMessageId,
    })),
  });

  /** Every recipient's own message. Throws `invalid_request` that names each one that is wrong. */
  function expand(
    sessionId: string,
    input: SendBulk,
    shared: Omit<NewMessage, "id" | "sessionId" | "recipient">,
  ) {
    const details: ErrorDetail[] = [];
    const seen = new Map<string, number>();
    const ids = new Map<string, number>();
    const all = input.recipients.map((given, index): NewMessage => {
      const own = typeof given === "string" ? { to: given } : given;
      const miss = (field: string, message: string) =>
        details.push({
          field: `recipients.${index}${typeof given === "string" ? "" : `.${field}`}`,
          message,
        });
      let recipient = "";
      try {
        recipient = toRecipient(own.to, "to", deps.defaultCountry);
        const before = seen.get(recipient);
        if (before !== undefined) miss("to", `is the same recipient as recipients.${before}`);
        for (const form of deps.people.formsOf(recipient)) seen.set(form, index);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        miss("to", error.details[0]?.message ?? error.message);
      }
      const body = own.caption ?? own.message ?? shared.body ?? null;
      if (input.type === "text" && (body === null || body.trim() === ""))
        miss("message", "a text message needs a text, here or for all");
      const { clientMessageId } = own;
      if (clientMessageId !== undefined) {
        if (ids.has(clientMessageId)) miss("clientMessageId", "is used twice in this bulk");
        else if (store.findByClientId(sessionId, clientMessageId))
          miss("clientMessageId", "was used before; each message needs its own");
        ids.set(clientMessageId, index);
      }
      return {
        ...shared,
        id: randomUUID(),
        sessionId,
        recipient,
        body,
        ...(clientMessageId === undefined ? {} : { clientMessageId, requestHash: hashOf({ input, index }) }),
      };
    });
    if (details.length > 0)
      throw new AppError("invalid_request", "The request's body is not valid; nothing was accepted.", {
        details,
      });
    return all;
  }

  function setState(sessionId: string, bulkId: string, state: BulkState): Bulk {
    const before = find(sessionId, bulkId);
    if (before.state === "cancelled" && state !== "cancelled")
      throw new AppError("bulk_ended", "The bulk was cancelled and cannot go on.");
    const after = store.setBulkState(bulkId, state) ?? before;
    if (before.state !== state) log.info({ sessionId, bulkId, state }, "bulk");
    dispatcher.wake(sessionId);
    return show(after);
  }

  return {
    /**
     * Accepts all messages or none; resolves when they are on disk. Recipients who must not be written to are accepted,
     * and fail each with `recipient_suppressed`.
     */
    async create(sessionId: string, input: SendBulk): Promise<BulkAccepted> {
      const { clientBulkId } = input;
      const requestHash = clientBulkId === undefined ? null : hashOf(input);
      const before =
        clientBulkId === undefined ? undefined : store.findBulkByClientId(sessionId, clientBulkId);
      if (before) {
        refuseIfOther(before, requestHash);
        return accepted(before);
      }
      deps.sessions.get(sessionId);
      const { recipients: _recipients, clientBulkId: _clientBulkId, ...message } = input;
      const content = await deps.messages.prepareContent(message);
      const bulkId = randomUUID();
      const all = expand(sessionId, input, { ...content, ...deps.messages.times(input), bulkId });
      const now = clock.now();
      await store.addAll(all, {
        id: bulkId,
        sessionId,
        state: "running",
        total: all.length,
        clientBulkId: clientBulkId ?? null,
        requestHash,
        createdAt: now,
        updatedAt: now,
      });
      log.info({ sessionId, bulkId, total: all.length }, "bulk accepted");
      dispatcher.wake(sessionId);
      return accepted(find(sessionId, bulkId));
    },

    get: (sessionId: string, bulkId: string): Bulk => show(find(sessionId, bulkId)),
    pause: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "paused"),
    resume: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "running"),
    cancel: (sessionId: string, bulkId: string): Bulk => setState(sessionId, bulkId, "cancelled"),
  };
}
