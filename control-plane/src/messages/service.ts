import { randomUUID } from "node:crypto";
import type { CountryCode } from "libphonenumber-js/max";
import { AppError, type RunnerEvent, type SendCommand, type SendMessage } from "@whatsapp-engine/contract";
import { iso, type Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import { toRecipient } from "../phone-number.ts";
import { RunnerUnavailable, type RunnerClient } from "../runner-client.ts";
import type { LiveSessions } from "../sessions/live.ts";
import type { SessionService } from "../sessions/service.ts";
import { refusalOf } from "./refusal.ts";
import { readMedia, type Media } from "./media.ts";
import type { MediaFetcher } from "./media-fetch.ts";
import type { MessageRow, MessageStore } from "./store.ts";

/** Longest part of a send's time that is kept for the answer's way back, so that a caller has it within `sendTimeoutMs`. */
const ANSWER_MARGIN_MS = 3_000;
/** A runner's journal keeps a send for 7 days; what is younger than this it cannot have forgotten. */
const RUNNER_REMEMBERS_MS = 24 * 60 * 60_000;

const WHAT_BECAME: Partial<Record<MessageRow["status"], string>> = {
  sent: "message sent",
  delivered: "message sent",
  read: "message sent",
  failed: "message not sent",
  unknown: "message's outcome unknown",
};

export type MessageService = ReturnType<typeof createMessageService>;

/** Sends messages and finds out what became of them: sent, not sent or unknown; never sent twice. */
export function createMessageService(deps: {
  store: MessageStore;
  live: LiveSessions;
  reachable: SessionService["reachable"];
  fetcher: MediaFetcher;
  maxMediaBytes: number;
  sendTimeoutMs: number;
  defaultCountry: CountryCode;
  clock: Clock;
  log: Log;
}) {
  const { store, live, clock, log } = deps;
  const inFlight = new Set<string>();
  // Of a short time half remains for the outcome.
  const answerMarginMs = Math.min(ANSWER_MARGIN_MS, deps.sendTimeoutMs / 2);

  /** The connected session's runner. Throws `session_not_connected`, `runner_unavailable`, `runtime_unavailable`. */
  function connectedRunner(sessionId: string): RunnerClient {
    const { status, reason } = deps.reachable(sessionId);
    if (status !== "connected") {
      const message = `Session '${sessionId}' is ${status}${reason ? ` (${reason})` : ""}; it must be connected to send.`;
      throw new AppError("session_not_connected", message, { extra: { status, reason } });
    }
    const runner = live.get(sessionId);
    if (runner) return runner.client;
    throw new RunnerUnavailable(new Error("not attached"));
  }

  /**
   * Hands the message to the runner and takes over what became of it. Never throws: from here on only the row tells,
   * and where even that cannot be written, the message stays `sending` and is asked about later.
   */
  async function transmit(client: RunnerClient, command: SendCommand): Promise<void> {
    const { messageId } = command;
    try {
      store.settle(await client.send(command));
    } catch (err) {
      log.warn({ messageId, err }, "a send's answer was lost, or could not be stored");
      try {
        if (err instanceof RunnerUnavailable && err.neverArrived) {
          return store.fail(messageId, "runner_unavailable", err.message);
        }
        const record = await client.findSend(messageId).catch(() => null);
        if (record) store.settle(record);
      } catch (cause) {
        log.error({ messageId, err: cause }, "a send's outcome could not be stored");
      }
    }
  }

  /** The row after the send; the one that was written before, if the database fails meanwhile. */
  function outcomeOf(before: MessageRow): MessageRow {
    try {
      return store.find(before.id) ?? before;
    } catch (err) {
      log.error({ messageId: before.id, err }, "a message's row could not be read");
      return before;
    }
  }

  return {
    /**
     * Sends one message and waits for its outcome, `sendTimeoutMs` at the most in all. The row is committed before the
     * runner is asked. Answers the row: `sent` (or further), `sending` if it was not settled in time, or `unknown`.
     * Throws only what makes it certain that nothing went out.
     */
    async send(sessionId: string, input: SendMessage): Promise<MessageRow> {
      const startedAt = performance.now();
      connectedRunner(sessionId);
      const recipient = toRecipient(input.to, "to", deps.defaultCountry);
      const media = input.media
        ? await readMedia(input.type, input.media, { fetcher: deps.fetcher, maxBytes: deps.maxMediaBytes })
        : null;
      const client = connectedRunner(sessionId);
      const text = media ? (input.caption ?? input.message ?? null) : (input.message ?? null);
      const messageId = randomUUID();
      // Before there is a row that `settle` could find: it would take a message not yet handed over for one never sent.
      inFlight.add(messageId);
      let row: MessageRow;
      try {
        row = await store.add({
          id: messageId,
          sessionId,
          recipient,
          type: input.type,
          body: text,
          ...mediaColumns(media),
        });
        await transmit(client, {
          messageId,
          to: recipient,
          type: input.type,
          text,
          content: null,
          media,
          timeoutMs: Math.max(
            0,
            Math.round(deps.sendTimeoutMs - answerMarginMs - (performance.now() - startedAt)),
          ),
        });
      } finally {
        inFlight.delete(messageId);
      }
      const { status, errorCode, ...rest } = outcomeOf(row);
      const ms = Math.round(performance.now() - startedAt);
      log.info(
        { sessionId, messageId, type: row.type, status, errorCode, ms },
        WHAT_BECAME[status] ?? "message not settled",
      );
      if (status === "failed") throw refusalOf({ ...rest, status, errorCode });
      return { ...rest, status, errorCode };
    },

    /**
     * Settles what is still `sending` without anyone waiting for it: after a restart, or a lost answer. What the runner
     * never heard of was not sent; what is older than its memory is `unknown`.
     */
    async settle(sessionId: string): Promise<void> {
      const client = live.get(sessionId)?.client;
      if (!client) return;
      for (const { id, createdAt } of store.sendingOf(sessionId)) {
        if (inFlight.has(id)) continue;
        try {
          const record = await client.findSend(id);
          if (record) store.settle(record);
          else if (clock.now() - createdAt > RUNNER_REMEMBERS_MS) store.giveUp(id);
          else store.fail(id, "interrupted", "The engine was interrupted before anything was sent.");
        } catch (err) {
          log.warn(
            { sessionId, messageId: id, err },
            "a message without an outcome could not be asked about",
          );
        }
      }
    },

    /** Takes over what a journal event means for a message, inside the transaction that stores it. */
    onEvent(_sessionId: string, event: RunnerEvent, at: string): void {
      if (event.type === "message_ack") store.acknowledge(event, at);
      if (event.type === "send_settled") store.settle(event.record);
    },
  };
}

const mediaColumns = (media: Media | null) => ({
  mediaSha256: media?.sha256 ?? null,
  mediaMimetype: media?.mimetype ?? null,
  mediaFilename: media?.filename ?? null,
  mediaBytes: media?.bytes.length ?? null,
});

/** A message as the API shows it. */
export const toMessage = (row: MessageRow) => ({
  messageId: row.id,
  sessionId: row.sessionId,
  status: row.status,
  whatsappId: row.whatsappId,
  timestamp: row.sentAt === null ? null : iso(row.sentAt),
});
