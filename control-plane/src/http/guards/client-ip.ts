import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { createMiddleware } from "hono/factory";
import proxyAddr from "proxy-addr";
import { AppError } from "@whatsapp-engine/contract/api";
import type { AppEnv } from "../context.ts";

/** What is no address, as of a caller who has gone, or whom a proxy does not name by one. It is in no list. */
const UNKNOWN = "unknown";

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
    const found = proxyAddr(withoutPorts(c.env.incoming), trust);
    const clientIp = isIP(found ?? "") === 0 ? UNKNOWN : found;
    c.set("clientIp", clientIp);
    if (allowedIps.length > 0 && !allowed(clientIp, 0)) {
      throw new AppError("ip_not_allowed", "Calls from this address are not allowed (ALLOWED_IPS).");
    }
    await next();
  });
}

/** Some proxies (IIS, Azure's gateways) name a caller with its port: `203.0.113.7:4711`, `[2001:db8::7]:4711`. */
function withoutPorts({ socket, headers }: IncomingMessage): IncomingMessage {
  const forwarded = String(headers["x-forwarded-for"] ?? "")
    .split(",")
    .map((one) => addressIn(one.trim()))
    .join(",");
  return { socket, headers: { "x-forwarded-for": forwarded } } as unknown as IncomingMessage;
}

const addressIn = (text: string): string =>
  /^\[([0-9a-f:.]{2,45})\](?::\d{1,5})?$/i.exec(text)?.[1] ??
  /^([\d.]{7,15}):\d{1,5}$/.exec(text)?.[1] ??
  text;
