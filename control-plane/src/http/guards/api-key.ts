import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract/api";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/logger.ts";
import type { AppEnv } from "../context.ts";
import { createStrangers } from "./strangers.ts";

/** A wrong key is answered late: the first so, each further one of its address twice as late, up to the longest. */
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;
/** A call beyond a limit is answered after this time, so that who calls again and again costs next to nothing. */
const REFUSED_MS = 1_000;
/** Calls that are held so at once; what is more is refused at once. */
const MAX_HELD = 200;

export type StrangerLimits = {
  /** Calls a minute and address without a key; 0: no limit. */
  withoutKeyPerMinute: number;
  /** The same with a wrong key. */
  wrongKeyPerMinute: number;
};

const digest = (text: string) => createHash("sha256").update(text).digest();

/**
 * Who has the right `X-API-Key`, compared in constant time, is never slowed. All others are counted by their address: `limit` refuses
 * those beyond its limits with 429, `check` all that are left. Wrong keys are logged, once a minute and address.
 */
export function createApiKeyCheck({
  apiKey,
  limits: { withoutKeyPerMinute, wrongKeyPerMinute },
  clock,
  log,
}: {
  apiKey: string;
  limits: StrangerLimits;
  clock: Clock;
  log: Log;
}) {
  const right = digest(apiKey);
  const withoutKey = createStrangers({ clock });
  const withWrongKey = createStrangers({ clock });
  let held = 0;

  const isRight = (given: string | undefined): boolean =>
    given !== undefined && timingSafeEqual(digest(given), right);

  async function hold(ms: number): Promise<void> {
    if (held >= MAX_HELD) return;
    held += 1;
    await delay(ms);
    held -= 1;
  }

  async function refuse(code: "rate_limited" | "too_many_wrong_keys", message: string, seconds: number) {
    await hold(REFUSED_MS);
    throw new AppError(code, message, { retryAfterSeconds: seconds });
  }

  async function countWithoutKey(c: Context<AppEnv>): Promise<void> {
    const { count, retryAfterSeconds } = withoutKey.note(c.get("clientIp"));
    if (withoutKeyPerMinute === 0 || count <= withoutKeyPerMinute) return;
    const message = `More than ${withoutKeyPerMinute} calls without a key in a minute from this address (RATE_LIMIT_WITHOUT_KEY).`;
    await refuse("rate_limited", message, retryAfterSeconds);
  }

  async function countWrongKey(c: Context<AppEnv>): Promise<void> {
    const clientIp = c.get("clientIp");
    const { count, before, retryAfterSeconds } = withWrongKey.note(clientIp);
    if (count === 1)
      log.warn({ requestId: c.get("requestId"), clientIp, count: 1 + before }, "wrong API key");
    if (wrongKeyPerMinute > 0 && count > wrongKeyPerMinute)
      await refuse("too_many_wrong_keys", "Too many wrong keys from this address.", retryAfterSeconds);
    await hold(Math.min(FIRST_DELAY_MS * 2 ** (count - 1), LONGEST_DELAY_MS));
  }

  return {
    limit: createMiddleware<AppEnv>(async (c, next) => {
      const given = c.req.header("X-API-Key");
      if (given === undefined) await countWithoutKey(c);
      else if (!isRight(given)) await countWrongKey(c);
      await next();
    }),

    check: createMiddleware<AppEnv>(async (c, next) => {
      const given = c.req.header("X-API-Key");
      if (given === undefined) throw new AppError("unauthorized", "The header X-API-Key is missing.");
      if (!isRight(given)) throw new AppError("unauthorized", "The header X-API-Key holds a wrong key.");
      await next();
    }),
  };
}
