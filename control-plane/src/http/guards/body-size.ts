import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract/api";
import { createGate, weightOf } from "../../lib/gate.ts";
import type { AppEnv } from "../context.ts";

/** A smaller body costs no more than the call itself. */
const SMALL_BYTES = 64 * 1024;
/** How long a large one waits for its turn; not read meanwhile. */
const WAIT_MS = 10_000;

/** A large body that comes more slowly (256 kB a second, after 30 s) holds up others for nothing. */
const GRACE_MS = 30_000;
const BYTES_PER_MS = 256;

const tooLarge = (): never => {
  throw new AppError("body_too_large", "The body is larger than MEDIA_MAX_MB allows.");
};

/**
 * Refuses bodies of more than `maxBytes`, and reads `atOnce` of the largest at a time, or more of smaller ones: each takes several times
 * its length while it is read. A length that was declared is believed, as Node reads no byte beyond it; only
 * a body of unknown length is counted, which costs its way through a web stream.
 */
export function createBodySize(maxBytes: number, atOnce: number, graceMs = GRACE_MS) {
  const count = bodyLimit({ maxSize: maxBytes, onError: tooLarge });
  const gate = createGate({
    room: weightOf(maxBytes) * atOnce,
    waitMs: WAIT_MS,
    of: `As many large bodies as may be read at once (MEDIA_CONCURRENCY, ${atOnce} of the largest)`,
  });
  return createMiddleware<AppEnv>(async (c, next) => {
    const isCounted = c.req.header("Transfer-Encoding") !== undefined;
    const bytes = isCounted ? maxBytes : Number(c.req.header("Content-Length") ?? 0);
    if (bytes > maxBytes) tooLarge();
    if (bytes <= SMALL_BYTES) return next();
    const done = await gate.enter(weightOf(bytes));
    c.set("bodyDone", done);
    const { incoming } = c.env;
    // Without an answer: what handles the call may still have the end of the body, and accept it.
    const tooSlow = setTimeout(() => incoming.complete || incoming.destroy(), graceMs + bytes / BYTES_PER_MS);
    try {
      return await (isCounted ? count(c, next) : next());
    } finally {
      clearTimeout(tooSlow);
      done();
    }
  });
}
