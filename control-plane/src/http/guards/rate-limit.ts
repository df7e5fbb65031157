import { rateLimiter } from "hono-rate-limiter";
import { AppError } from "@whatsapp-engine/contract/api";
import type { AppEnv } from "../context.ts";

const WINDOW_MS = 60_000;

/** Calls per key and minute, told in the standard `RateLimit` headers; beyond it 429 with `Retry-After`. */
export const createRateLimit = (callsPerMinute: number) =>
  rateLimiter<AppEnv>({
    windowMs: WINDOW_MS,
    limit: callsPerMinute,
    standardHeaders: "draft-7",
    keyGenerator: (c) => c.req.header("X-API-Key") ?? "",
    handler: (c) => {
      const seconds = Number(
        /reset=(\d+)/.exec(c.res.headers.get("RateLimit") ?? "")?.[1] ?? WINDOW_MS / 1000,
      );
      throw new AppError(
        "rate_limited",
        `More than ${callsPerMinute} calls in a minute (RATE_LIMIT_PER_MINUTE).`,
        {
          retryAfterSeconds: seconds,
        },
      );
    },
  });
