import { z } from "zod";
import { locationSchema, messageContentSchema } from "../api/content.ts";
import { accountLimits, accountLimitSchema } from "../api/account-limit.ts";
import { messageTypeSchema } from "../api/kinds.ts";
import {
  sessionReasonSchema,
  sessionStatusSchema,
  unlinkOutcomeSchema,
  whatsappVersionSchema,
} from "../api/session.ts";
import {
  MAX_BODY_LENGTH,
  MAX_ID_LENGTH,
  MAX_NAME_LENGTH,
  textOrNullSchema,
  textSchema,
  toldIdSchema,
  toldMimetypeSchema,
  toldNumberSchema,
} from "./told.ts";

/*
 * HTTP between control plane and runner, the control plane always calling. Every call carries
 * `Authorization: Bearer <runner token>`; a wrong one answers 401. Bodies are JSON but for that of a send.
 *
 *   GET  /health           200 RunnerHealth when the browser page answers, else 503 RunnerHealth
 *   GET  /state            200 RunnerState
 *   GET  /events?after=N   200 application/x-ndjson, one StreamLine a line, open until either side ends it:
 *                          first the present state, then journaled events with seq > N, then all as it happens
 *   POST /claim            ClaimCommand -> 204; writes which session the profile serves into the profile. From the first claim on
 *                          the time to scan a code runs
 *   POST /send             `encodeSend(SendCommand)` -> 200 SendRecord. Same messageId again: the record there is, no second send; but for
 *                          one that is proven unsent for a cause that may be over (no connection, a limit of the account, the page)
 *   GET  /sends/:messageId 200 SendRecord, 404 if this profile never heard of it (then it was not sent)
 *   GET  /numbers/:digits  200 NumberCheck, 409 if not connected
 *   GET  /contacts         200 Contacts: whom the account knows; 409 if not connected, 503 where the page does not tell in time
 *   GET  /groups           200 Groups: with who is in them; 409, 503 as above
 *   POST /messages/:whatsappId/react|edit|delete
 *                          ReactCommand, EditCommand, nothing -> 200 ActionResult, 409 if not connected
 *   GET  /messages/:whatsappId/media
 *                          200 the bytes with their type (and name, as a URI component, in X-Filename); 404: no such message, or no file in it; 410: WhatsApp has the
 *                          file no more; 409 if not connected
 *   GET  /screenshot       200 image/png of the page, 409 where none is open, 503 where it does not answer
 *   GET  /page             200 WhatsAppPage: what WhatsApp served; 404: nothing yet, or a copy was given
 *   PUT  /page             the HTML of RUNNER_WHATSAPP_VERSION -> 204; 409 where it is not (any more) waited for
 *   POST /pairing-code     PairingCommand -> 200 PairingResult, 409 if no account can be linked now
 *   POST /logout           200 LogoutResult: the account is unlinked (where WhatsApp answers) and the login deleted.
 *                          A login whose connection does not stand yet is waited for, 10 s at the most
 *   POST /shutdown         202: browser closed, login settled on disk, then the process ends
 *
 * Where a newer runner has the profile (`superseded`) all but /health, /state, /events and /shutdown answer
 * 421 Superseded: what this runner knows may be out of date.
 */

/** Lengths of what is told, in UTF-16 units. An emoji of a family has some 30. */
const MAX_DETAIL_LENGTH = 2_000;
const MAX_DESCRIPTION_LENGTH = 4_096;
const MAX_KIND_LENGTH = 64;
const MAX_EMOJI_LENGTH = 64;

/** WhatsApp's acknowledgement: -1 error, 0 in its own queue, 1 server, 2 device, 3 read, 4 played. Others are not known. */
export const ackSchema = z.number().int().min(-1).max(4);

/** WhatsApp's account as far as the page knows it. `phoneNumber` is null when only a LID is known. */
export const accountSchema = z.object({
  phoneNumber: toldNumberSchema,
  lid: textOrNullSchema(MAX_ID_LENGTH),
  pushName: textOrNullSchema(MAX_NAME_LENGTH),
});

/** A code to be scanned. Times are ISO 8601. `number` counts the codes of this start from 1. */
export const qrCodeSchema = z.object({
  code: z.string(),
  number: z.number().int(),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

export const runnerStateSchema = z.object({
  runnerId: z.string(),
  profileId: z.string(),
  status: sessionStatusSchema,
  /** One that is not known is a newer runner's. */
  reason: sessionReasonSchema.nullable().catch("unknown_state"),
  /** For people: what stands behind `reason`, such as the state's name that was not known. */
  detail: textOrNullSchema(MAX_DETAIL_LENGTH),
  qr: qrCodeSchema.nullable(),
  account: accountSchema.nullable(),
  whatsappVersion: textOrNullSchema(MAX_NAME_LENGTH),
  libraryVersion: textSchema(MAX_NAME_LENGTH),
  /** Mends that were applied to the page, or by another page or browser (`page_reloaded`, `browser_restarted`), by name. */
  mends: z.array(z.string()),
  /** Those that were applied and did not help. */
  failedMends: z.array(z.string()).default([]),
  /** How often this runner opened the page anew, and started the browser anew. */
  mendCounts: z.record(z.string(), z.number().int()).default({}),
  /** With `superseded`: the number of the runner that is newer on the profile. */
  newerGeneration: z.number().int().nullable().default(null),
  /** Version of WhatsApp Web whose copy it waits for before it opens anything. */
  awaitsPage: z.string().nullable().default(null),
  /** Lines of its journal, and reports of its page, that it could not read and keeps aside in its profile. */
  unreadLines: z.number().int().min(0).default(0),
  /** When the last of them came; null: none did. */
  unreadAt: z.iso.datetime().nullable().default(null),
  /** Why its profile's disk takes nothing now; null: it does. What comes in meanwhile is told when it is on the disk. */
  diskTrouble: textOrNullSchema(MAX_DETAIL_LENGTH).default(null),
  /** Sequence number of the newest journaled event. */
  lastSeq: z.number().int(),
  since: z.iso.datetime(),
});
export type RunnerState = z.infer<typeof runnerStateSchema>;

export const supersededSchema = z.object({ newerGeneration: z.number().int() });
export type Superseded = z.infer<typeof supersededSchema>;

export type QrCode = z.infer<typeof qrCodeSchema>;
export type Account = z.infer<typeof accountSchema>;

export const runnerHealthSchema = z.object({
  /** `answering`: the page ran a script in time; `silent`: it did not; `gone`: no browser or no page. */
  page: z.enum(["answering", "silent", "gone"]),
  uptimeSeconds: z.number(),
});
export type RunnerHealth = z.infer<typeof runnerHealthSchema>;

/** Largest document that is kept, in bytes: whatsapp.com's was below 1 MB in 2026. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Largest file of a message, in bytes: in base64 the page hands it over in one answer, of which puppeteer takes 256 MB at the most
 * (puppeteer-core 24, `maxPayload`).
 */
export const MAX_MEDIA_BYTES = 192 * 1024 * 1024;

/** The document that a version of WhatsApp Web begins with. */
export const whatsappPageSchema = z.object({ version: whatsappVersionSchema, html: z.string().min(1) });
export type WhatsAppPage = z.infer<typeof whatsappPageSchema>;

export const claimCommandSchema = z.object({ sessionId: z.string(), claimedAt: z.iso.datetime() });

/** Longest wait for a send's outcome, in milliseconds, that a caller may ask of the runner. */
export const MAX_SEND_TIMEOUT_MS = 60_000;

export const sendCommandSchema = z.object({
  messageId: z.string().min(1).max(64),
  /** Which time it is handed over, from 1. */
  attempt: z.number().int().optional(),
  /** Digits, or a chat id. A number is looked up on WhatsApp before anything is sent. */
  to: z.string(),
  /** The other way in which the same number may be written at WhatsApp; looked up where `to` is not there. Digits. */
  otherForm: z.string().optional(),
  type: messageTypeSchema,
  text: z.string().nullable(),
  content: messageContentSchema.nullable(),
  media: z
    .object({ bytes: z.instanceof(Buffer), mimetype: z.string(), filename: z.string().nullable() })
    .nullable(),
  /**
   * The account may not write to people it has no messages of, for this reason: to such a chat nothing is sent, and this is
   * the error's code. Left out: sent to any.
   */
  newChatsRefused: accountLimitSchema.optional(),
  /** Answer after this time with what is known then. */
  timeoutMs: z.number().int().min(0).max(MAX_SEND_TIMEOUT_MS),
});
export type SendCommand = z.infer<typeof sendCommandSchema>;

const NEWLINE = 0x0a;

/** The body of `POST /send`: a line of JSON, then the media's bytes as they are. */
export function encodeSend({ media, ...command }: SendCommand): Buffer {
  const about = media && { mimetype: media.mimetype, filename: media.filename };
  const line = Buffer.from(`${JSON.stringify({ ...command, media: about })}\n`);
  return media === null ? line : Buffer.concat([line, media.bytes]);
}

/** Throws `SyntaxError` or `ZodError` for what is not such a body. */
export function decodeSend(body: Buffer): SendCommand {
  const end = body.indexOf(NEWLINE);
  const line = end === -1 ? body : body.subarray(0, end);
  const command = JSON.parse(line.toString()) as { media?: object };
  if (command.media) command.media = { ...command.media, bytes: body.subarray(line.length + 1) };
  return sendCommandSchema.parse(command);
}

/**
 * What became of a send.
 * `pending`: under way, or in WhatsApp's own queue. `sent`: WhatsApp's server took it (ack 1 or more).
 * `not_sent`: proven not to have gone out. `unknown`: it may or may not have gone out.
 */
export const sendOutcomes = ["pending", "sent", "not_sent", "unknown"] as const;

export const sendRecordSchema = z.object({
  messageId: z.string().max(64),
  /** The attempt that it tells of. */
  attempt: z.number().int().optional(),
  outcome: z.enum(sendOutcomes),
  whatsappId: textOrNullSchema(MAX_ID_LENGTH),
  /** Null before there is one. */
  ack: ackSchema.nullable(),
  /** When WhatsApp took it, ISO 8601. */
  timestamp: z.iso.datetime().nullable(),
  error: z
    .object({
      code: z.enum([
        "not_on_whatsapp",
        "not_connected",
        "invalid_media",
        "rejected",
        "chat_not_found",
        /** WhatsApp Web itself failed before it had the message. */
        "page_error",
        ...accountLimits,
        "outcome_unknown",
      ]),
      message: textSchema(MAX_DETAIL_LENGTH),
      /** Of a limit of the account: until when it holds, ISO 8601, where the page knows. */
      until: z.iso.datetime().nullable().optional(),
    })
    .nullable(),
});

/** What the message of a send that the page's own code failed at begins with: its `invalid_media` may be a file as it should be. */
export const NOT_TAKEN_BY_PAGE = "WhatsApp Web did not take";
export type SendRecord = z.infer<typeof sendRecordSchema>;

export const numberCheckSchema = z.object({ exists: z.boolean(), chatId: textOrNullSchema(MAX_ID_LENGTH) });
export type NumberCheck = z.infer<typeof numberCheckSchema>;

/** Somebody the account knows. `phoneNumber`: digits, null where WhatsApp does not tell them. */
export const contactEntrySchema = z.object({
  id: toldIdSchema,
  name: textOrNullSchema(MAX_NAME_LENGTH),
  pushName: textOrNullSchema(MAX_NAME_LENGTH),
  phoneNumber: toldNumberSchema,
  /** It stands in the phone's address book. */
  isMyContact: z.boolean(),
});
export type ContactEntry = z.infer<typeof contactEntrySchema>;

export const groupEntrySchema = z.object({
  id: toldIdSchema,
  name: textSchema(MAX_NAME_LENGTH),
  description: textOrNullSchema(MAX_DESCRIPTION_LENGTH),
  /** Whether the account is an administrator of it. */
  isAdmin: z.boolean(),
  participants: z.array(
    z.object({
      id: toldIdSchema,
      phoneNumber: toldNumberSchema,
      name: textOrNullSchema(MAX_NAME_LENGTH),
      isAdmin: z.boolean(),
    }),
  ),
});
export type GroupEntry = z.infer<typeof groupEntrySchema>;

export const contactsSchema = z.object({ contacts: z.array(contactEntrySchema) });
export const groupsSchema = z.object({ groups: z.array(groupEntrySchema) });

export const pairingCommandSchema = z.object({ phoneNumber: z.string().regex(/^\d{5,20}$/) });

/** `refused`: WhatsApp gives no code, and why; `unknown`: it did not answer in time. */
export const pairingResultSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("code"), code: z.string().max(64), expiresAt: z.iso.datetime() }),
  z.object({ outcome: z.literal("refused"), detail: textSchema(MAX_DETAIL_LENGTH) }),
  z.object({ outcome: z.literal("unknown") }),
]);
export type PairingResult = z.infer<typeof pairingResultSchema>;

export const logoutResultSchema = z.object({ unlinked: unlinkOutcomeSchema });
export type LogoutResult = z.infer<typeof logoutResultSchema>;

export const reactCommandSchema = z.object({ emoji: z.string() });
export const editCommandSchema = z.object({ text: z.string() });

/**
 * What became of something done to a message. `not_found`: WhatsApp does not know the message; `refused`: it is not
 * to be done, or not any more; `unknown`: WhatsApp did not say in time. Doing it again does no harm.
 */
export const actionOutcomes = ["done", "not_found", "refused", "unknown"] as const;
export const actionResultSchema = z.object({
  outcome: z.enum(actionOutcomes),
  /** For people: why it is not `done`. */
  detail: textOrNullSchema(MAX_DETAIL_LENGTH),
});
export type ActionResult = z.infer<typeof actionResultSchema>;

/** Somebody else's doing in a chat. Ids are WhatsApp's: `…@c.us`, `…@lid`, `…@g.us`. */
const inbound = {
  /** Digits of who did it; null where WhatsApp tells only a LID. */
  phoneNumber: toldNumberSchema,
  timestamp: z.iso.datetime(),
};
const ofMessage = {
  ...inbound,
  /** The message it is about. */
  whatsappId: toldIdSchema,
  chatId: toldIdSchema,
  /** The chat; in a group `author` is who wrote. */
  from: toldIdSchema,
  author: textOrNullSchema(MAX_ID_LENGTH),
};

/** What the journal keeps for the control plane, besides `seq` and `at`. */
export const runnerEventSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message_ack"),
    whatsappId: toldIdSchema,
    /** Our message's id, if it was sent through this profile. */
    messageId: z.string().nullable(),
    ack: ackSchema,
  }),
  z.object({
    ...ofMessage,
    type: z.literal("message_received"),
    pushName: textOrNullSchema(MAX_NAME_LENGTH),
    isGroup: z.boolean(),
    /** The library's type name, such as `chat`, `image`, `ptt`. */
    kind: textSchema(MAX_KIND_LENGTH).catch("unknown"),
    /** Text or caption; a contact's vCard, a place's name, a poll's question. */
    body: textSchema(MAX_BODY_LENGTH).catch(""),
    hasMedia: z.boolean(),
    mimetype: toldMimetypeSchema,
    filename: textOrNullSchema(MAX_NAME_LENGTH),
    quotedId: textOrNullSchema(MAX_ID_LENGTH),
    location: locationSchema.pick({ latitude: true, longitude: true }).nullable().catch(null),
  }),
  z.object({
    ...inbound,
    type: z.literal("message_reaction"),
    whatsappId: toldIdSchema,
    /** Our message's id, if it was sent through this profile. */
    messageId: z.string().nullable(),
    chatId: toldIdSchema,
    /** Who reacted. */
    from: toldIdSchema,
    /** Empty: taken back. */
    emoji: textSchema(MAX_EMOJI_LENGTH),
  }),
  z.object({ ...ofMessage, type: z.literal("message_edited"), body: textSchema(MAX_BODY_LENGTH) }),
  z.object({ ...ofMessage, type: z.literal("message_revoked") }),
  z.object({
    ...inbound,
    type: z.literal("call_received"),
    callId: toldIdSchema,
    from: toldIdSchema,
    isVideo: z.boolean(),
    isGroup: z.boolean(),
  }),
  /** The send's outcome was settled after the caller had its answer. */
  z.object({ type: z.literal("send_settled"), record: sendRecordSchema }),
]);
export type RunnerEvent = z.infer<typeof runnerEventSchema>;
/** What others did in a chat: what came in, as against what became of what went out. */
export type InboundEvent = Exclude<RunnerEvent, { type: "message_ack" | "send_settled" }>;

/** Longest line of the stream, in bytes. In JSON a unit of the longest body may take six. */
export const MAX_LINE_BYTES = 2 * 1024 * 1024;

export const streamLineSchema = z.discriminatedUnion("line", [
  z.object({ line: z.literal("state"), state: runnerStateSchema }),
  z.object({
    line: z.literal("event"),
    seq: z.number().int(),
    at: z.iso.datetime(),
    event: runnerEventSchema,
  }),
  /** Sent every 5 s on a quiet stream, so that a dead connection shows. */
  z.object({ line: z.literal("ping") }),
]);
export type StreamLine = z.infer<typeof streamLineSchema>;

/**
 * A runner with an IPC channel (process runtime) touches its profile only when it was sent RUNNER_BEGIN on it: then the
 * profile says whose it is. It sends `{ listening: { port } }` once, and ends when the channel closes.
 * In a container it listens on RUNNER_PORT and ends on SIGTERM.
 */
export const RUNNER_BEGIN = "begin";
export const runnerListeningSchema = z.object({ listening: z.object({ port: z.number().int() }) });
