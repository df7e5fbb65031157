import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract";
import type { AppEnv } from "./context.ts";

const tooLarge = (): never => {
  throw new AppError("body_too_large", "The body is larger than MEDIA_MAX_MB allows.");
};

/**
 * Refuses bodies of more than `maxBytes`. A length that was declared is believed, as Node reads no byte beyond it; only
 * a body of unknown length is counted, which costs its way through a web stream.
 */
export function createBodySize(maxBytes: number) {
  const count = bodyLimit({ maxSize: maxBytes, onError: tooLarge });
  return createMiddleware<AppEnv>(async (c, next) => {
    if (c.req.header("Transfer-Encoding") !== undefined) return count(c, next);
    if (Number(c.req.header("Content-Length") ?? 0) > maxBytes) tooLarge();
    await next();
  });
}
