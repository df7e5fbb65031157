import { finished } from "node:stream/promises";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

/** Long enough for the largest body over a local network, and short for a caller who sends without end. */
const DRAIN_MS = 5_000;

/**
 * Reads what an answered call still sends, and drops it. Without this a caller with `Connection: close` who is still
 * writing (a body too large, a wrong key) finds the connection reset, and never reads why.
 */
export const createBodyDrain = () =>
  createMiddleware<AppEnv>(async (c, next) => {
    await next();
    const { incoming } = c.env;
    if (incoming.complete || incoming.destroyed) return;
    // Who counted a body of unknown length has stopped taking it, and would hold it up.
    incoming.removeAllListeners("data");
    incoming.resume();
    await finished(incoming, { writable: false, signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => {});
  });
