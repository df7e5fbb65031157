import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { AppEnv } from "./context.ts";

/** Wrong keys of one address are counted over this time. */
const WINDOW_MS = 60_000;
/** From this many on they are refused at once instead of late. */
const MAX_WRONG = 10;
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;
/** Addresses remembered at once; beyond it the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

const digest = (text: string) => createHash("sha256").update(text).digest();

/**
 * Lets only the right `X-API-Key` through. Compared in constant time; each further wrong one from the same address
 * is answered later than the one before, then refused with 429, and logged. A right key is never slowed.
 */
export function createApiKeyCheck({ apiKey, clock, log }: { apiKey: string; clock: Clock; log: Log }) {
  const right = digest(apiKey);
  const wrong = new Map<string, { count: number; since: number }>();

  function noteWrong(clientIp: string): number {
    const now = clock.now();
    const last = wrong.get(clientIp);
    const entry =
      last && now - last.since < WINDOW_MS ? { ...last, count: last.count + 1 } : { count: 1, since: now };
    wrong.delete(clientIp);
    wrong.set(clientIp, entry);
    if (wrong.size > MAX_ADDRESSES) wrong.delete(wrong.keys().next().value as string);
    return entry.count;
  }

  return createMiddleware<AppEnv>(async (c, next) => {
    const given = c.req.header("X-API-Key");
    if (given !== undefined && timingSafeEqual(digest(given), right)) return next();

    if (given === undefined) throw new AppError("unauthorized", "The header X-API-Key is missing.");
    const clientIp = c.get("clientIp");
    const count = noteWrong(clientIp);
    log.warn({ requestId: c.get("requestId"), clientIp, count }, "wrong API key");
    if (count > MAX_WRONG) {
      throw new AppError("too_many_wrong_keys", "Too many wrong keys from this address.", {
        retryAfterSeconds: WINDOW_MS / 1000,
      });
    }
    await delay(Math.min(FIRST_DELAY_MS * 2 ** (count - 1), LONGEST_DELAY_MS));
    throw new AppError("unauthorized", "The header X-API-Key holds a wrong key.");
  });
}
