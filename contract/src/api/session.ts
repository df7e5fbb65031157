import { z } from "zod";
import { sessionLimitSchema } from "./account-limit.ts";
import { numberAsWrittenSchema, sessionIdSchema } from "./ids.ts";
import { textUpTo } from "./long-text.ts";

/** The six public states of a session. */
export const sessionStatuses = [
  "connecting",
  "qr_ready",
  "authenticated",
  "connected",
  "auth_failed",
  "disconnected",
] as const;
export const sessionStatusSchema = z.enum(sessionStatuses);
export type SessionStatus = z.infer<typeof sessionStatusSchema>;

/**
 * Why a session is in its state, for programs. Each code stands with the states it goes with:
 * connecting (`starting`, `waking`, `opening`, `reconnecting`; `page_hung`, `page_crashed`, `browser_gone`, `out_of_memory`,
 * `memory_high`, `profile_too_large`, `start_timeout`, `connect_timeout` while another page or browser is opened), auth_failed (`pairing_failed`, `wrong_number`),
 * qr_ready (`passkey_required`: no code to scan, the phone asks for a passkey),
 * disconnected (all others, and those where that came to nothing). `null` where the state says everything.
 */
export const sessionReasons = [
  "starting",
  "waking",
  "opening",
  "reconnecting",
  "passkey_required",
  "pairing_failed",
  "wrong_number",
  "logged_out",
  "login_lost",
  "profile_too_large",
  "qr_expired",
  "stopped",
  "hibernated",
  "conflict",
  "banned",
  "proxy_blocked",
  "deprecated_version",
  "start_timeout",
  "connect_timeout",
  "start_failed",
  "browser_gone",
  "page_crashed",
  "page_hung",
  "runner_lost",
  "superseded",
  /** As an older engine, or a runner of one, says it: `superseded`. */
  "stale_claim",
  "out_of_memory",
  "memory_high",
  "runner_flooded",
  "runtime_unavailable",
  "unknown_state",
] as const;
export const sessionReasonSchema = z.enum(sessionReasons);
export type SessionReason = z.infer<typeof sessionReasonSchema>;

/** What the WA Blast application reads of a session; the same stands beside it under our own names. */
export const blastSessionSchema = z
  .object({ status: sessionStatusSchema, reason: sessionReasonSchema.nullable() })
  .meta({ description: "For the WA Blast application" });

const isoTime = z.iso.datetime().meta({ description: "ISO 8601, UTC" });

const hibernateAfterMinutesSchema = z.int().min(0).max(10_080).nullable().meta({
  description:
    "Minutes without anything sent or received after which its memory is freed until it is needed, 0: never; null: as HIBERNATE_AFTER_MINUTES says",
});

const NOT_A_VERSION = "must be a version such as 2.3000.1042401057";
/** A version of WhatsApp Web as its page names it; also the name of a file. */
export const whatsappVersionSchema = textUpTo(30, NOT_A_VERSION).regex(
  /^\d{1,4}(\.\d{1,12}){2}$/,
  NOT_A_VERSION,
);

const whatsappVersionPinSchema = whatsappVersionSchema.nullable().meta({
  description:
    "Version of WhatsApp Web that it is started with from the next start on, of which a copy must be kept; null: as WHATSAPP_VERSION says",
  example: "2.3000.1042401057",
});

/** What people call it; empty counts as none. */
const sessionNameSchema = textUpTo(255)
  .transform((name) => name.trim() || null)
  .nullable()
  .meta({ description: "What people call it; null or empty: nothing", example: "Customer service" });

/** What the API says of a session. Times are ISO 8601 in UTC. */
export const sessionSchema = z
  .object({
    sessionId: sessionIdSchema,
    name: z.string().nullable().meta({ description: "What people call it" }),
    status: sessionStatusSchema,
    reason: sessionReasonSchema.nullable(),
    detail: z.string().nullable().meta({
      description:
        "What stands behind `reason`, for people; while a session is started again, why it failed before",
    }),
    phoneNumber: z.string().nullable().meta({
      description: "Linked account, or before linking the one that must link; digits, international",
    }),
    pushName: z.string().nullable().meta({ description: "The account's own display name" }),
    whatsappVersion: z.string().nullable().meta({ description: "Build of WhatsApp Web in use" }),
    whatsappVersionPin: whatsappVersionPinSchema,
    hibernateAfterMinutes: hibernateAfterMinutesSchema,
    limit: sessionLimitSchema.nullable().meta({
      description: "What WhatsApp keeps the account from; null: nothing that is known",
    }),
    createdAt: isoTime,
    updatedAt: isoTime,
    connectedAt: isoTime.nullable().meta({ description: "When it last became connected" }),
  })
  .meta({ id: "Session" });
export type Session = z.infer<typeof sessionSchema>;

export const createSessionSchema = z
  .strictObject({
    sessionId: sessionIdSchema,
    name: sessionNameSchema.optional(),
    phoneNumber: numberAsWrittenSchema.or(z.literal("")).nullish().meta({
      description:
        "The account that must link; any other one is logged out again. null or empty: whichever links",
      example: "6281234567890",
    }),
    hibernateAfterMinutes: hibernateAfterMinutesSchema.optional(),
    whatsappVersionPin: whatsappVersionPinSchema.optional(),
  })
  .meta({ id: "CreateSession" });
export type CreateSession = z.infer<typeof createSessionSchema>;

/** What can be changed of a session that is there; what is not given stays. */
export const updateSessionSchema = z
  .strictObject({
    name: sessionNameSchema.optional(),
    hibernateAfterMinutes: hibernateAfterMinutesSchema.optional(),
    whatsappVersionPin: whatsappVersionPinSchema.optional(),
  })
  .meta({ id: "UpdateSession" });
export type UpdateSession = z.infer<typeof updateSessionSchema>;

export const sessionAnswerSchema = z.object({ success: z.literal(true), session: sessionSchema });

/**
 * What is known of the link at WhatsApp after a logout; the login is deleted in any case.
 * `done`: WhatsApp Web was connected and carried the unlinking out; `not_linked`: there was no account to unlink;
 * `not_asked`: there was no connection to ask by; `unknown`: it was asked, and did not confirm it in time.
 */
export const unlinkOutcomes = ["done", "not_linked", "not_asked", "unknown"] as const;
export const unlinkOutcomeSchema = z.enum(unlinkOutcomes);
export type UnlinkOutcome = z.infer<typeof unlinkOutcomeSchema>;

const STILL_SHOWN =
  "The login was deleted here. The phone may go on showing this device until it is removed there, under Linked devices";

/** What was and was not done, for people. */
export const unlinkDetails: Readonly<Record<UnlinkOutcome, string>> = {
  done: "The account was unlinked at WhatsApp, and the login deleted.",
  not_linked: "No account was linked, so there was nothing to unlink at WhatsApp.",
  not_asked: `${STILL_SHOWN}: there was no connection to WhatsApp to unlink it by.`,
  unknown: `${STILL_SHOWN}: WhatsApp was asked to unlink it, and did not confirm that.`,
};

export const logoutAnswerSchema = z.object({
  ...sessionAnswerSchema.shape,
  unlinked: unlinkOutcomeSchema.meta({
    description:
      "What is known of the link at WhatsApp; the login is deleted in any case. `done`: WhatsApp Web was connected and carried the unlinking out; `not_linked`: there was no account to unlink; `not_asked`: there was no connection to ask by; `unknown`: it was asked, and did not confirm it in time",
  }),
});

export const sessionStatusAnswerSchema = z.object({
  success: z.literal(true),
  ...sessionSchema.shape,
  data: blastSessionSchema,
});

export const listSessionsQuerySchema = z.object({
  status: sessionStatusSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: textUpTo(200).optional().meta({ description: "`nextCursor` of the page before" }),
});

export const sessionListSchema = z.object({
  success: z.literal(true),
  sessions: z.array(sessionSchema),
  nextCursor: z.string().nullable().meta({ description: "null on the last page" }),
});

/** Longest `?wait=` of a QR call, in seconds: callers such as Laravel give up at 30. */
export const MAX_WAIT_SECONDS = 20;

/** Without `?wait=`: pages that ask again and again give up at 10. */
const DEFAULT_WAIT_SECONDS = 8;

export const qrQuerySchema = z.object({
  wait: z.coerce.number().min(0).max(MAX_WAIT_SECONDS).default(DEFAULT_WAIT_SECONDS).meta({
    description: "Seconds to wait for a code",
  }),
  format: z.enum(["json", "png", "svg", "text"]).optional(),
});

/** `qr` and what belongs to it are null while the session shows no code. */
export const qrAnswerSchema = z.object({
  success: z.literal(true),
  sessionId: sessionIdSchema,
  status: sessionStatusSchema,
  reason: sessionReasonSchema.nullable(),
  detail: z.string().nullable().meta({ description: "Why there is no code, for people" }),
  qr: z.string().nullable().meta({ description: "The code's raw text" }),
  qrImage: z.string().nullable().meta({ description: "PNG as a data URL" }),
  expiresAt: isoTime.nullable().meta({ description: "When WhatsApp replaces this code" }),
  data: blastSessionSchema.extend({ qrCode: z.string().nullable() }),
});

export const pairingCodeRequestSchema = z
  .strictObject({
    phoneNumber: numberAsWrittenSchema.optional().meta({
      description: "The account to link; without it the session's `phoneNumber`",
      example: "6281234567890",
    }),
  })
  .meta({ id: "PairingCodeRequest" });
export type PairingCodeRequest = z.infer<typeof pairingCodeRequestSchema>;

export const pairingCodeAnswerSchema = z.object({
  success: z.literal(true),
  sessionId: sessionIdSchema,
  code: z.string().meta({ description: "To be typed in on the phone", example: "ABCD1234" }),
  expiresAt: isoTime.meta({ description: "Until when WhatsApp takes it" }),
});
