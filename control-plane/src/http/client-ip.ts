import { createMiddleware } from "hono/factory";
import proxyAddr from "proxy-addr";
import { AppError } from "@whatsapp-engine/contract";
import type { AppEnv } from "./context.ts";

/**
 * Finds the caller's address (`X-Forwarded-For` counts only from trusted proxies) and refuses the ones that are
 * not in `allowedIps`; an empty list allows all.
 */
export function createClientIp({
  allowedIps,
  trustedProxies,
}: {
  allowedIps: string[];
  trustedProxies: string[];
}) {
  const trust = proxyAddr.compile(trustedProxies);
  const allowed = proxyAddr.compile(allowedIps);

  return createMiddleware<AppEnv>(async (c, next) => {
    const clientIp = proxyAddr(c.env.incoming, trust);
    c.set("clientIp", clientIp);
    if (allowedIps.length > 0 && !allowed(clientIp, 0)) {
      throw new AppError("ip_not_allowed", "Calls from this address are not allowed (ALLOWED_IPS).");
    }
    await next();
  });
}
