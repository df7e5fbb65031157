import { accountLimits, type AccountLimit } from "@whatsapp-engine/contract/api";
import { NOT_TAKEN_BY_PAGE, type SendCommand, type SendRecord } from "@whatsapp-engine/contract/runner";
import type { JournaledSend } from "./journal-entries.ts";
import { shortIdOf } from "./message-key.ts";
import { readPageError } from "./page-errors.ts";
import { LIMIT_REACHED, NotSendable, RESTRICTED, type FoundMessage } from "./whatsapp/client.ts";

/*
 * The rules by which a send's outcome is known. The library's own answer is no part of them: it resolves while
 * offline, resolves to nothing for a message that went out, and does not reject for one that failed.
 *
 *   no key              not sent: the page never passed the gate
 *   key, ack 1 or more  sent
 *   key, ack 0          pending: in WhatsApp's own queue
 *   key, ack -1         not sent
 *   key, and the page's own code failed before there was a message: not sent, as the same document says
 *   key that the page no longer knows: unknown
 */

type Change = (send: JournaledSend) => JournaledSend;
type ErrorCode = NonNullable<SendRecord["error"]>["code"];

export const newRecord = (messageId: string, attempt?: number): JournaledSend => ({
  messageId,
  ...(attempt !== undefined && { attempt }),
  outcome: "pending",
  whatsappId: null,
  ack: null,
  timestamp: null,
  error: null,
  key: null,
});

export const isSettled = (send: SendRecord): boolean => send.outcome !== "pending";

export const notSent =
  (code: ErrorCode, message: string): Change =>
  (send) => ({ ...send, outcome: "not_sent", error: { code, message } });

/** By the same name as without a connection, as it may be tried again. */
export const notWritten = notSent(
  "not_connected",
  "The disk of the session's profile takes nothing, so nothing was sent.",
);

const isDiskTrouble = (cause: unknown): boolean =>
  /^(ENOSPC|EDQUOT|EROFS|EIO)$/.test(String((cause as { code?: unknown } | null | undefined)?.code));

/** What the page's own code said, which may be of one letter. */
export const pageErrorMessage = (failure: string | null): string =>
  `WhatsApp Web failed before it had the message, so nothing was sent: ${failure === null ? "it gave no reason" : readPageError(failure)}.`;

export const unknownOutcome: Change = (send) => ({
  ...send,
  outcome: "unknown",
  whatsappId: send.whatsappId ?? send.key,
  error: {
    code: "outcome_unknown",
    message:
      "The message was handed to WhatsApp Web, which no longer knows it; it may or may not have gone out.",
  },
});

const RETRYABLE: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>([
  ...accountLimits,
  // The next page, or another build of it, may take it.
  "page_error",
  "invalid_media",
]);

/** Proven unsent for a cause that may be over: handed over again it is sent, as if for the first time. */
export const isRetryable = ({ outcome, error, key }: JournaledSend): boolean =>
  outcome === "not_sent" && (RETRYABLE.has(error?.code) || (key === null && error?.code === "not_connected"));

export const limitDetails: Readonly<Record<AccountLimit, string>> = {
  account_restricted:
    "WhatsApp keeps this account from writing to people it does not know, for some time; chats that exist go on (WhatsApp's error 463).",
  account_limit_reached:
    "The account wrote to as many new people as WhatsApp lets it in a month; chats that exist go on (WhatsApp's error 475).",
};

/** What the page says is a number that JavaScript has a date for. */
const isTime = (unixMs: unknown): unixMs is number =>
  typeof unixMs === "number" && !Number.isNaN(new Date(unixMs).getTime());

const refusedBy = (refusal: FoundMessage["refusal"]): Change => {
  const { code = null, untilUnixMs = null } = refusal ?? {};
  const limit =
    code === RESTRICTED ? "account_restricted" : code === LIMIT_REACHED ? "account_limit_reached" : null;
  if (limit === null)
    return notSent("rejected", `WhatsApp refused the message${code === null ? "" : ` (error ${code})`}.`);
  const until = isTime(untilUnixMs) ? new Date(untilUnixMs).toISOString() : null;
  return (send) => ({
    ...send,
    outcome: "not_sent",
    error: { code: limit, message: limitDetails[limit], until },
  });
};

/** What a sight of the message in the page makes of the record; the record itself if it says nothing new. */
export const settledBy = (send: JournaledSend, found: FoundMessage): JournaledSend => {
  if (found.ack === send.ack && found.key === send.whatsappId) return send;
  // Of an attempt before this one, which was refused, nothing counts but that it went out after all.
  if (found.ack < 1 && (send.key === null || shortIdOf(send.key) !== found.shortId)) return send;
  // What WhatsApp's server took once, it took; and a place in the queue says nothing about an outcome that is known.
  if (send.outcome === "sent" && found.ack < Math.max(1, send.ack ?? 1)) return send;
  if (isSettled(send) && found.ack === 0) return send;
  const seen = { ...send, whatsappId: found.key, ack: found.ack };
  if (found.ack >= 1)
    return { ...seen, outcome: "sent", timestamp: send.timestamp ?? takenAt(found), error: null };
  if (found.ack === 0) return { ...seen, outcome: "pending", error: null };
  return refusedBy(found.refusal)(seen);
};

/** Why a message without a key was not taken; `cause`: what the library threw, undefined if it returned. */
export const whyNotTaken = (command: SendCommand, cause: unknown): Change => {
  if (cause === undefined) return notSent("chat_not_found", "WhatsApp does not know this chat.");
  if (cause instanceof NotSendable)
    return isDiskTrouble(cause.cause) ? notWritten : notSent("rejected", cause.message);
  // Of a number it was asked before whether it is on WhatsApp.
  if (command.to.endsWith("@lid") && /No LID for user/i.test(String(cause)))
    return notSent("not_on_whatsapp", "This number is not on WhatsApp.");
  if (cause instanceof DOMException && cause.name === "TimeoutError") {
    return notSent("rejected", `${NOT_TAKEN_BY_PAGE} the message in time.`);
  }
  const reason = readPageError(cause);
  if (command.media !== null) return notSent("invalid_media", `${NOT_TAKEN_BY_PAGE} the file: ${reason}.`);
  return notSent("page_error", `${NOT_TAKEN_BY_PAGE} the message: ${reason}.`);
};

const takenAt = ({ unixSeconds }: FoundMessage): string =>
  new Date(unixSeconds === null ? Date.now() : unixSeconds * 1000).toISOString();
