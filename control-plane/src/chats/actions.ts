import type { CountryCode } from "libphonenumber-js/max";
import { AppError, whatsappIdSchema, type MessageStatus } from "@whatsapp-engine/contract/api";
import type { ActionResult } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import { toDigits } from "../people/index.ts";
import type { RunnerClient, RunnerMedia } from "../connection/index.ts";
import type { ConnectedRunner, SessionService } from "../sessions/index.ts";

export type MessageActions = ReturnType<typeof createMessageActions>;

/** A message by both its ids; ours is null for one that did not go out through the engine. */
type Target = { messageId: string | null; whatsappId: string };

/** A message that the engine accepted. */
type Accepted = { id: string; sessionId: string; status: MessageStatus; whatsappId: string | null };

/** What went out through the engine. */
export type SentMessages = {
  find(id: string): Accepted | undefined;
  /** Notes what was done to a message, by either of its ids, once WhatsApp did it. Times are milliseconds since 1970. */
  noteDone(target: Target, change: { editedAt: number; body: string } | { revokedAt: number }): void;
};

/** What is done to a message that is there, and asked of WhatsApp, at once: none of it is part of the outbox. */
export function createMessageActions(deps: {
  messages: SentMessages;
  sessions: Pick<SessionService, "get">;
  connectedRunner: ConnectedRunner;
  defaultCountry: CountryCode;
  clock: Clock;
}) {
  const { messages, sessions, connectedRunner, clock } = deps;

  /** `id`: ours or WhatsApp's. Throws `session_not_found`, `message_not_found`, `message_not_sent`. */
  function find(sessionId: string, id: string): Target {
    sessions.get(sessionId);
    const row = messages.find(id);
    if (row?.sessionId === sessionId) {
      if (row.whatsappId !== null) return { messageId: id, whatsappId: row.whatsappId };
      throw notSent(row);
    }
    if (whatsappIdSchema.safeParse(id).success) return { messageId: null, whatsappId: id };
    throw new AppError(
      "message_not_found",
      `Session '${sessionId}' has no message '${id}', and it is no WhatsApp id such as true_6281234567890@c.us_3EB0….`,
    );
  }

  async function act(
    sessionId: string,
    id: string,
    run: (runner: RunnerClient, whatsappId: string) => Promise<ActionResult>,
  ): Promise<Target> {
    const target = find(sessionId, id);
    const { outcome, detail } = await run(connectedRunner(sessionId), target.whatsappId);
    if (outcome === "done") return target;
    throw new AppError(CODE[outcome], detail ?? "WhatsApp did not do it.", { extra: target });
  }

  return {
    /** An empty emoji takes the reaction back. */
    react: (sessionId: string, id: string, emoji: string): Promise<Target> =>
      act(sessionId, id, (runner, whatsappId) => runner.react(whatsappId, emoji)),

    async edit(sessionId: string, id: string, text: string): Promise<Target> {
      const target = await act(sessionId, id, (runner, whatsappId) => runner.edit(whatsappId, text));
      messages.noteDone(target, { editedAt: clock.now(), body: text });
      return target;
    },

    /** For everyone. */
    async remove(sessionId: string, id: string): Promise<Target> {
      const target = await act(sessionId, id, (runner, whatsappId) => runner.revoke(whatsappId));
      messages.noteDone(target, { revokedAt: clock.now() });
      return target;
    },

    /** The file of a message. Throws `media_not_found`, `media_gone` besides. */
    async media(sessionId: string, id: string): Promise<RunnerMedia> {
      const { whatsappId } = find(sessionId, id);
      const media = await connectedRunner(sessionId).media(whatsappId);
      if (media === "not_found")
        throw new AppError("media_not_found", "WhatsApp does not know this message, or it has no file.");
      if (media === "gone") throw new AppError("media_gone", "WhatsApp does not have this file any more.");
      return media;
    },

    /** Whether a number, in any usual form, is on WhatsApp. */
    async checkNumber(sessionId: string, text: string) {
      const number = toDigits(text, "number", deps.defaultCountry);
      return { number, ...(await connectedRunner(sessionId).checkNumber(number)) };
    },
  };
}

const CODE = {
  not_found: "message_not_found",
  refused: "action_refused",
  unknown: "outcome_unknown",
} as const satisfies Record<Exclude<ActionResult["outcome"], "done">, string>;

const WHY: Partial<Record<MessageStatus, string>> = {
  queued: "is still queued",
  sending: "is just being sent",
  unknown: "has an unknown outcome, and WhatsApp no id for it",
};

function notSent({ id, sessionId, status }: Accepted): AppError {
  const cancel = `; to keep it from going out use POST /sessions/${sessionId}/messages/${id}/cancel`;
  const message = `The message ${WHY[status] ?? `is ${status}: it never went out`}${status === "queued" ? cancel : ""}.`;
  return new AppError("message_not_sent", message, { extra: { status } });
}
