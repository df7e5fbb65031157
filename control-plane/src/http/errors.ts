import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { databaseTroubleOf } from "@whatsapp-engine/db";
import { AppError, errorAnswerSchema, errorStatus, type ErrorCode } from "@whatsapp-engine/contract";
import type { Log } from "../logger.ts";
import type { AppEnv } from "./context.ts";

/**
 * The one place where an error becomes an answer. Unknown ones say a fixed sentence, never their own message. `level`: at which
 * those are logged that are no fault of the caller's. `note` hears of each.
 */
export const createErrorHandler =
  (
    log: Log,
    {
      level = "error",
      note = () => undefined,
    }: { level?: "error" | "debug"; note?: (error: Error) => void } = {},
  ) =>
  (error: Error, c: Context<AppEnv>) => {
    note(error);
    const known = toAppError(error);
    const requestId = c.get("requestId");
    if (known.status >= 500) log[level]({ requestId, err: error, errorCode: known.code }, "request failed");
    if (known.retryAfterSeconds !== undefined) c.header("Retry-After", String(known.retryAfterSeconds));
    return c.json(
      {
        success: false as const,
        error: { code: known.code, message: known.message, details: [...known.details], ...known.extra },
        requestId,
      },
      known.status,
    );
  };

function toAppError(error: Error): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof HTTPException && error.status === 415) {
    return new AppError("unsupported_media_type", "The header Content-Type must be application/json.", {
      cause: error,
    });
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new AppError("invalid_json", "The body is empty or not valid JSON.", { cause: error });
  }
  const trouble = databaseTroubleOf(error);
  if (trouble !== null)
    return new AppError("database_unavailable", trouble, { cause: error, retryAfterSeconds: 5 });
  return new AppError(
    "internal_error",
    "Something went wrong inside the engine; its log has more under this requestId.",
    {
      cause: error,
    },
  );
}

/** What every call that needs the key can answer. */
const BEHIND_THE_KEY = [
  "unauthorized",
  "ip_not_allowed",
  "rate_limited",
  "too_many_wrong_keys",
  "internal_error",
  "database_unavailable",
] as const satisfies ErrorCode[];

/** The OpenAPI part of a route behind the key that can fail with these codes besides. */
export const errorResponses = (...codes: ErrorCode[]) => openErrorResponses(...codes, ...BEHIND_THE_KEY);

/** The OpenAPI part of a route that is open to everyone. */
export function openErrorResponses(...codes: ErrorCode[]) {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    byStatus.set(errorStatus[code], [...(byStatus.get(errorStatus[code]) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      { description: of.join(", "), content: { "application/json": { schema: errorAnswerSchema } } },
    ]),
  );
}
