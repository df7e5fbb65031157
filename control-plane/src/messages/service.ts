import { randomUUID } from "node:crypto";
import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  type RunnerEvent,
  type SendCommand,
  type SendMessage,
  type SendRecord,
} from "@whatsapp-engine/contract";
import type { Tx } from "@whatsapp-engine/db";
import { iso } from "../clock.ts";
import type { Log } from "../logger.ts";
import { toRecipient } from "../phone-number.ts";
import { RunnerUnavailable, type RunnerClient } from "../runner-client.ts";
import type { LiveSessions } from "../sessions/live.ts";
import type { SessionService } from "../sessions/service.ts";
import { refusalOf } from "./refusal.ts";
import { readMedia, type Media } from "./media.ts";
import type { MediaFetcher } from "./media-fetch.ts";
import type { MessageRow, MessageStore } from "./store.ts";

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
  log: Log;
}) {
  const { store, live, log } = deps;
  const inFlight = new Set<string>();

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

  /** Asks what became of a send whose answer was lost. The record, or null where it is not known (yet). */
  async function ask(client: RunnerClient, messageId: string): Promise<SendRecord | null> {
    return client.findSend(messageId).catch(() => null);
  }

  async function transmit(client: RunnerClient, command: SendCommand): Promise<void> {
    try {
      store.settle(await client.send(command));
    } catch (error) {
      if (!(error instanceof RunnerUnavailable)) throw error;
      if (error.neverArrived) {
        store.fail(command.messageId, "runner_unavailable", error.message);
        throw error;
      }
      const record = await ask(client, command.messageId);
      if (record) store.settle(record);
      log.warn(
        { messageId: command.messageId, err: error, found: record?.outcome ?? null },
        "a send's answer was lost",
      );
    }
  }

  return {
    /**
     * Sends one message and waits for its outcome. The row is committed before the runner is asked.
     * Answers the row: `sent` (or further), `sending` if it was not settled in time, or `unknown`.
     * Throws what makes it certain that nothing went out.
     */
    async send(sessionId: string, input: SendMessage): Promise<MessageRow> {
      connectedRunner(sessionId);
      const recipient = toRecipient(input.to, "to", deps.defaultCountry);
      const media = input.media
        ? await readMedia(input.type, input.media, { fetcher: deps.fetcher, maxBytes: deps.maxMediaBytes })
        : null;
      const client = connectedRunner(sessionId);
      const text = media ? (input.caption ?? input.message ?? null) : (input.message ?? null);
      const id = randomUUID();
      store.add({ id, sessionId, recipient, type: input.type, body: text, ...mediaColumns(media) });

      const startedAt = performance.now();
      inFlight.add(id);
      try {
        await transmit(client, {
          messageId: id,
          to: recipient,
          type: input.type,
          text,
          media: media && {
            base64: media.bytes.toString("base64"),
            mimetype: media.mimetype,
            filename: media.filename,
          },
          timeoutMs: deps.sendTimeoutMs,
        });
      } finally {
        inFlight.delete(id);
      }
      const row = store.find(id);
      if (!row) throw new Error(`message ${id} has no row`);
      const ms = Math.round(performance.now() - startedAt);
      log.info(
        { sessionId, messageId: id, type: row.type, status: row.status, errorCode: row.errorCode, ms },
        "message sent",
      );
      if (row.status === "failed") throw refusalOf(row);
      return row;
    },

    /** Settles what is still `sending` without anyone waiting for it: after a restart, or a lost answer. */
    async settle(sessionId: string): Promise<void> {
      const client = live.get(sessionId)?.client;
      if (!client) return;
      for (const messageId of store.sendingOf(sessionId)) {
        if (inFlight.has(messageId)) continue;
        try {
          const record = await client.findSend(messageId);
          if (record) store.settle(record);
          else store.fail(messageId, "interrupted", "The engine was interrupted before anything was sent.");
        } catch (err) {
          return log.warn({ sessionId, err }, "messages without an outcome could not be asked about");
        }
      }
    },

    /** Applies a journal event, inside the transaction that stores it. */
    onEvent(tx: Tx, event: RunnerEvent): void {
      if (event.type === "message_ack") store.acknowledge(tx, event);
      if (event.type === "send_settled") store.settle(event.record, tx);
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
