import { createMiddleware } from "hono/factory";
import type { Log } from "../../lib/logger.ts";
import type { AppEnv } from "../context.ts";

/** One line a request, when it is answered. */
export const createRequestLog = (log: Log) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const startedAt = performance.now();
    await next();
    const ms = Math.round(performance.now() - startedAt);
    const { method, path } = c.req;
    log.debug({ requestId: c.get("requestId"), method, path, status: c.res.status, ms }, "request");
  });
