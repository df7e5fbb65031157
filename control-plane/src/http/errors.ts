import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { databaseTroubleOf } from "@whatsapp-engine/db";
import { AppError, errorAnswerSchema, errorStatus, type ErrorCode } from "@whatsapp-engine/contract/api";
import type { Log } from "../lib/logger.ts";
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
    if (known.status >= 500)
      log[isGone(c) ? "debug" : level]({ requestId, err: error, errorCode: known.code }, "request failed");
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

/** Its caller left before all of it was there, and hears no answer. Calls within a test have no connection. */
const isGone = ({ env }: Context<AppEnv>): boolean =>
  (env as Partial<AppEnv["Bindings"]> | undefined)?.incoming?.errored instanceof Error;

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

/** What is refused before a call behind the key comes to its route, for what it holds: of any method, and of those with a body. */
const BEFORE_ROUTES = ["invalid_request", "body_too_large", "too_busy"] as const satisfies ErrorCode[];
const OF_BODIES: Record<string, ErrorCode[]> = {
  delete: ["invalid_json"],
  patch: ["invalid_json", "unsupported_media_type"],
  post: ["invalid_json", "unsupported_media_type"],
  put: ["invalid_json", "unsupported_media_type"],
};

/** Has each call behind the key say what is refused before its route. */
export function stateRefusalsBeforeRoutes(definitions: OpenAPIHono["openAPIRegistry"]["definitions"]): void {
  for (const definition of definitions) {
    if (definition.type !== "route" || definition.route.security !== undefined) continue;
    const { method, responses } = definition.route;
    const before = openErrorResponses(...BEFORE_ROUTES, ...(OF_BODIES[method] ?? []));
    for (const [status, stated] of Object.entries(before)) {
      const own = (responses[status] as { description: string } | undefined)?.description.split(", ") ?? [];
      const codes = new Set([...own, ...stated.description.split(", ")]);
      responses[status] = { ...stated, description: [...codes].join(", ") };
    }
  }
}

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
