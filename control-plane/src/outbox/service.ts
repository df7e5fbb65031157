import { createHash } from "node:crypto";
import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  type ListMessagesQuery,
  type Message,
  type SendMessage,
} from "@whatsapp-engine/contract/api";
import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import { type People, toRecipient } from "../people/index.ts";
import { ageCursor, pageOf } from "../lib/paging.ts";
import type { SessionService } from "../sessions/index.ts";
import { toContent } from "./content.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { newId } from "./ids.ts";
import { toMessage } from "./message.ts";
import type { MediaFetcher } from "./media/media-fetch.ts";
import type { MediaStore } from "./media/media-store.ts";
import { readMedia } from "./media/media.ts";
import { createOutcomes } from "./outcomes.ts";
import { refusalOf } from "./refusal.ts";
import type { Repeats } from "./repeats.ts";
import { isRetryable, type MessageRow, type NewMessage } from "./rows.ts";
import type { MessageStore } from "./store.ts";

const WHAT_BECAME: Partial<Record<MessageRow["status"], string>> = {
  sent: "message sent",
  delivered: "message sent",
  read: "message sent",
  failed: "message not sent",
  unknown: "message's outcome unknown",
};

/** Who asks for a message to be sent. */
export type Caller = {
  /** Whether it had the answer, once that is known. */
  answered: Promise<boolean>;
  /** Told once the message, and what came with it, is on disk. */
  accepted?: () => void;
};

export type MessageService = ReturnType<typeof createMessageService>;

/** The verbs of the API on messages. What is accepted here goes out once, or is told not to have. */
export function createMessageService(deps: {
  store: MessageStore;
  media: MediaStore;
  dispatcher: Dispatcher;
  sessions: Pick<SessionService, "get" | "reachable">;
  people: Pick<People, "isSame">;
  repeats: Repeats;
  suppressed: (sessionId: string, recipient: string) => boolean;
  fetcher: MediaFetcher;
  maxMediaBytes: number;
  /** Longest time a caller waits for an outcome. */
  sendTimeoutMs: number;
  /** What a message without `expiresAt` gets; 0: none. */
  expireAfterMs: number;
  defaultCountry: CountryCode;
  clock: Clock;
  log: Log;
}) {
  const { store, dispatcher, clock, log } = deps;
  const outcomes = createOutcomes(deps);

  store.onSettled((row) => {
    const { id, sessionId, type, status, errorCode, attempts } = row;
    const what = WHAT_BECAME[status];
    if (status === "delivered" || status === "read" || what === undefined) return;
    log.info({ sessionId, messageId: id, type, status, errorCode, attempts }, what);
  });

  function refuseUnlessConnected(sessionId: string): void {
    const { desired, status, reason } = deps.sessions.reachable(sessionId);
    if (status === "connected" || desired === "asleep" || reason === "waking") return;
    const message = `Session is not connected: '${sessionId}' is ${status}${reason ? ` (${reason})` : ""}. Send when it is, or with "async": true.`;
    throw new AppError("session_not_connected", message, { extra: { status, reason } });
  }

  function refuseIfSuppressed(sessionId: string, recipient: string): void {
    if (!deps.suppressed(sessionId, recipient)) return;
    throw new AppError(
      "recipient_suppressed",
      `${recipient} must not be written to (GET /suppressions lists all).`,
    );
  }

  /** When it must be out, and from when on it may. Throws `invalid_request`. */
  function times(input: Pick<SendMessage, "scheduledAt" | "expiresAt">) {
    const now = clock.now();
    const scheduledAt = input.scheduledAt === undefined ? null : Date.parse(input.scheduledAt);
    const given = input.expiresAt === undefined ? null : Date.parse(input.expiresAt);
    const refuse = (message: string) => {
      throw new AppError("invalid_request", "The request's body is not valid.", {
        details: [{ field: "expiresAt", message }],
      });
    };
    if (given !== null && given <= now) refuse("is over already");
    if (given !== null && scheduledAt !== null && given <= scheduledAt) refuse("is before scheduledAt");
    const start = Math.max(now, scheduledAt ?? now);
    const expiresAt = given ?? (deps.expireAfterMs > 0 ? start + deps.expireAfterMs : null);
    return { scheduledAt: scheduledAt !== null && scheduledAt > now ? scheduledAt : null, expiresAt };
  }

  /** The row that a message with this content would be; its media is on disk then. */
  async function prepare(sessionId: string, recipient: string, input: SendMessage): Promise<NewMessage> {
    refuseIfSuppressed(sessionId, recipient);
    return { id: newId(), sessionId, recipient, ...times(input), ...(await prepareContent(input)) };
  }

  /** What a row says of a message with this content, and its media, which is not kept yet. */
  async function readContent(input: Omit<SendMessage, "to">) {
    const { text, content } = toContent(input, deps.defaultCountry);
    const media = input.media
      ? await readMedia(input.type, input.media, { fetcher: deps.fetcher, maxBytes: deps.maxMediaBytes })
      : null;
    const columns = {
      type: input.type,
      body: text,
      content,
      mediaSha256: media?.sha256 ?? null,
      mediaMimetype: media?.mimetype ?? null,
      mediaFilename: media?.filename ?? null,
      mediaBytes: media?.bytes.length ?? null,
    };
    return { columns, media };
  }

  /** The same, when the media is on disk. */
  async function prepareContent(input: Omit<SendMessage, "to">) {
    const { columns, media } = await readContent(input);
    if (media) await deps.media.put(media.sha256, media.bytes);
    return columns;
  }

  function find(sessionId: string, messageId: string): MessageRow {
    const row = store.find(messageId);
    if (row?.sessionId === sessionId) return row;
    throw new AppError("message_not_found", `Session '${sessionId}' has no message '${messageId}'.`);
  }

  /** `answered`: whether the caller had its answer, once that is known. */
  async function accept(
    sessionId: string,
    input: SendMessage,
    answered: Promise<boolean>,
  ): Promise<{ row: MessageRow; repeated: boolean }> {
    const { clientMessageId } = input;
    const recipient = toRecipient(input.to, "to", deps.defaultCountry);
    const asked = { ...input, to: undefined, media: input.media && { ...input.media, headers: undefined } };
    const requestHash = clientMessageId === undefined ? null : hashOf(asked);
    const refuseIfAnother = (row: MessageRow) => {
      // Engines before 2026-12 had all of the request in it, and the same person as written the same.
      if (row.requestHash !== hashOf(input)) refuseIfOther(row, requestHash);
      if (!deps.people.isSame(row.recipient, recipient)) throw idempotencyConflict();
    };
    const before =
      clientMessageId === undefined
        ? undefined
        : await store.findAcceptedByClientId(sessionId, clientMessageId);
    if (before) {
      refuseIfAnother(before);
      return { row: before, repeated: false };
    }
    const refuseUnlessItMay = () =>
      input.async || input.scheduledAt !== undefined
        ? void deps.sessions.get(sessionId)
        : refuseUnlessConnected(sessionId);
    const caller = { since: clock.now(), isGone: () => isGone };
    let isGone = false;
    void answered.then((had) => (isGone = !had));
    // Who asks for what was accepted before gets that, whatever became of the session.
    const mayRepeat = clientMessageId === undefined && deps.repeats.mayBe(sessionId);
    if (!mayRepeat) refuseUnlessItMay();
    const message = await prepare(sessionId, recipient, input);
    if (clientMessageId === undefined) {
      message.repeatHash = deps.repeats.hashOf(message, input.scheduledAt);
      const unanswered = await deps.repeats.take(message, caller);
      if (unanswered) {
        deps.repeats.answering(unanswered, answered);
        return { row: unanswered, repeated: true };
      }
      if (mayRepeat) refuseUnlessItMay();
    }
    const { row, created } = await store.add({
      ...message,
      ...(clientMessageId === undefined ? {} : { clientMessageId, requestHash }),
    });
    if (!created && clientMessageId !== undefined) refuseIfAnother(row);
    dispatcher.wake(sessionId);
    deps.repeats.answering(row, answered);
    return { row, repeated: false };
  }

  return {
    readContent,
    prepareContent,
    times,
    /** Answers all callers who wait with their messages as they stand. */
    release: outcomes.release,

    /**
     * Accepts one message and waits for its outcome, `sendTimeoutMs` at the most in all; with `async`, or for a later
     * time, answers at once. The row is committed before the runner is asked. Returns the message as it stands then.
     * Throws only what makes it certain that nothing went out. The same again of a caller who had no answer is `repeated`, and gets the
     * message of the first time.
     */
    async send(
      sessionId: string,
      input: SendMessage,
      caller: Caller,
    ): Promise<{ message: Message; repeated: boolean }> {
      const startedAt = performance.now();
      const { row, repeated } = await accept(sessionId, input, caller.answered);
      caller.accepted?.();
      const isLater = input.async || input.scheduledAt !== undefined;
      const timeLeft = deps.sendTimeoutMs - (performance.now() - startedAt);
      const after = isLater ? row : await outcomes.of(row, timeLeft);
      // Also of a message that was accepted before under the same key, and has ended since.
      const refusal = refusalOf(after);
      if (refusal) throw refusal;
      return { message: toMessage(after), repeated };
    },

    get: (sessionId: string, messageId: string): Message => toMessage(find(sessionId, messageId)),

    /** A page of a session's messages, newest first; also of a session that is deleted. Throws `invalid_cursor`. */
    list(sessionId: string, query: ListMessagesQuery): { messages: Message[]; nextCursor: string | null } {
      const { status, bulkId, ...page } = query;
      const to = query.to === undefined ? undefined : toRecipient(query.to, "to", deps.defaultCountry);
      const { rows, nextCursor } = pageOf(page, ageCursor, (limit, after) =>
        store.list({ sessionId, status, to, bulkId, limit, after }),
      );
      return { messages: rows.map(toMessage), nextCursor };
    },

    /** Takes a message out of the queue. Throws `message_not_queued` where it is too late. */
    cancel(sessionId: string, messageId: string): Message {
      const row = find(sessionId, messageId);
      const cancelled = store.cancel(messageId);
      if (cancelled) return toMessage(cancelled);
      const { status } = store.find(messageId) ?? row;
      if (status === "cancelled") return toMessage({ ...row, status });
      throw new AppError(
        "message_not_queued",
        `The message is ${status}; only a queued one can be cancelled.`,
        {
          extra: { status },
        },
      );
    },

    /**
     * Sends again, as a new message, what failed, expired, was cancelled or has an unknown outcome: the only way that
     * an unknown one is ever repeated, and the caller's decision, as it may have gone out. Asked for twice it is sent once: the same new
     * message is returned, until that one ends so too.
     */
    async retry(sessionId: string, messageId: string): Promise<Message> {
      const old = find(sessionId, messageId);
      if (!isRetryable(old)) {
        throw new AppError("message_not_retryable", `The message is ${old.status}; it needs no repetition.`, {
          extra: { status: old.status },
        });
      }
      deps.sessions.get(sessionId);
      refuseIfSuppressed(sessionId, old.recipient);
      const { recipient, type, body, content, mediaSha256, mediaMimetype, mediaFilename, mediaBytes } = old;
      const { row, created } = await store.retry(messageId, {
        id: newId(),
        sessionId,
        recipient,
        type,
        body,
        content,
        mediaSha256,
        mediaMimetype,
        mediaFilename,
        mediaBytes,
        ...times({}),
      });
      if (created) log.info({ sessionId, messageId: row.id, repeats: messageId }, "message repeated by hand");
      dispatcher.wake(sessionId);
      return toMessage(row);
    },

    /** Takes over what a journal event means for a message, inside the transaction that stores it. */
    onEvent(sessionId: string, event: RunnerEvent, at: string): void {
      if (event.type === "message_ack") store.acknowledge(sessionId, event, at);
      if (event.type === "send_settled") store.settleWithin(sessionId, event.record);
    },
  };
}

/** Two requests with the same hash ask for the same. Bytes count by their digest. */
export function hashOf(request: unknown): string {
  const text = JSON.stringify(request, function (this: Record<string, unknown>, key, value: unknown) {
    // What a buffer's own toJSON made of it is not looked at.
    const before = this[key];
    return before instanceof Uint8Array ? createHash("sha256").update(before).digest("hex") : value;
  });
  return createHash("sha256").update(text).digest("base64url");
}

export function refuseIfOther({ requestHash }: { requestHash: string | null }, hash: string | null): void {
  if (requestHash !== hash) throw idempotencyConflict();
}

const idempotencyConflict = () =>
  new AppError(
    "idempotency_conflict",
    "This idempotency key was used with another request; use a new key for a new message.",
  );
