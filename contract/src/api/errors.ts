import { z } from "zod";

/** Every error code of the API and the HTTP status it answers with. The code decides the status. */
export const errorStatus = {
  invalid_request: 400,
  invalid_json: 400,
  invalid_form: 400,
  invalid_session_id: 400,
  invalid_phone_number: 400,
  invalid_cursor: 400,
  invalid_media: 400,
  media_url_refused: 400,
  webhook_url_refused: 400,
  unauthorized: 401,
  ip_not_allowed: 403,
  recipient_suppressed: 403,
  not_found: 404,
  session_not_found: 404,
  message_not_found: 404,
  media_not_found: 404,
  bulk_not_found: 404,
  suppression_not_found: 404,
  webhook_not_found: 404,
  delivery_not_found: 404,
  session_conflict: 409,
  session_not_connected: 409,
  session_busy: 409,
  session_not_linked: 409,
  session_running: 409,
  idempotency_conflict: 409,
  message_not_queued: 409,
  message_not_sent: 409,
  message_not_retryable: 409,
  message_cancelled: 409,
  bulk_ended: 409,
  delivery_not_dead: 409,
  qr_not_available: 409,
  pairing_not_available: 409,
  screenshot_not_available: 409,
  media_gone: 410,
  body_too_large: 413,
  backup_too_large: 413,
  media_too_large: 413,
  unsupported_media_type: 415,
  wrong_passphrase: 422,
  invalid_backup: 422,
  not_on_whatsapp: 422,
  media_unreachable: 422,
  send_failed: 422,
  message_expired: 422,
  page_error: 422,
  account_restricted: 422,
  account_limit_reached: 422,
  action_refused: 422,
  pairing_refused: 422,
  queue_full: 429,
  rate_limited: 429,
  too_many_wrong_keys: 429,
  internal_error: 500,
  capacity_exceeded: 503,
  too_busy: 503,
  runtime_unavailable: 503,
  runner_unavailable: 503,
  database_unavailable: 503,
  shutting_down: 503,
  outcome_unknown: 504,
} as const;
export type ErrorCode = keyof typeof errorStatus;
export type ErrorDetail = { field: string; message: string };

/**
 * The one error that is meant for the API's caller: its message is shown as it stands, its code decides the
 * HTTP status. `extra` is put beside `code` in the answer (such as the session's `status`).
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly details: readonly ErrorDetail[];
  readonly extra: Readonly<Record<string, unknown>>;
  /** Seconds after which another try makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      details?: readonly ErrorDetail[];
      extra?: Record<string, unknown>;
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
    this.extra = options.extra ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): (typeof errorStatus)[ErrorCode] {
    return errorStatus[this.code];
  }
}

/** Body of every answer that is not a success. */
export const errorAnswerSchema = z
  .object({
    success: z.literal(false),
    error: z.looseObject({
      code: z.enum(Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      details: z.array(z.object({ field: z.string(), message: z.string() })),
    }),
    requestId: z.string(),
  })
  .meta({ id: "Error" });

/** A mistake that only the operator can mend. `message` is one sentence for a person; start-up prints it and exits with 1. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
}
