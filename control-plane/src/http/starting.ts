import { requestId } from "hono/request-id";
import { AppError } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import { createApiKeyCheck, type StrangerLimits } from "./guards/api-key.ts";
import { createBodyDrain } from "./guards/body-drain.ts";
import { createClientIp } from "./guards/client-ip.ts";
import { createRouter, type AppEnv } from "./context.ts";
import { createErrorHandler } from "./errors.ts";

/** Longest wait of a call for the engine to have started: callers such as Laravel give up at 10 s. */
const WAIT_MS = 8_000;
const MAX_WAITING = 100;

export type Fetch = (request: Request, env: AppEnv["Bindings"]) => Response | Promise<Response>;

/**
 * Answers in place of the API while the engine starts. Whoever asks for its health has an answer at once; every other call waits
 * for the API, once its key was found right: 100 at the most, none for longer than 8 s.
 */
export function createStarting({
  settings,
  uptimeSeconds,
  clock,
  log,
}: {
  settings: {
    apiKey: string;
    allowedIps: string[];
    trustedProxies: string[];
    strangers: StrangerLimits;
    version: string;
  };
  uptimeSeconds: () => number;
  clock: Clock;
  log: Log;
}) {
  let waiting = 0;
  let open: (api: Fetch | null) => void;
  /** null: it will not start. */
  const api = new Promise<Fetch | null>((resolve) => (open = resolve));

  const starting = () =>
    new AppError("runtime_unavailable", "The engine is starting; call again in a moment.", {
      retryAfterSeconds: 1,
    });

  async function started(): Promise<Fetch> {
    if (waiting >= MAX_WAITING) throw starting();
    waiting += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(starting()), WAIT_MS)));
    try {
      const found = await Promise.race([api, late]);
      if (found === null) throw new AppError("shutting_down", "The engine did not start.");
      return found;
    } finally {
      clearTimeout(timer);
      waiting -= 1;
    }
  }

  const app = createRouter();
  app.onError(createErrorHandler(log, { level: "debug" })); // each call of a start would be an error otherwise
  app.use(requestId());
  app.use(createBodyDrain());
  app.use(createClientIp(settings));
  app.get("/health", (c) =>
    c.json({ success: true, status: "starting", version: settings.version, uptimeSeconds: uptimeSeconds() }),
  );
  app.get("/ping", (c) => c.json({ success: true, status: "starting" }));
  app.get("/health/ready", () => {
    throw starting();
  });
  const key = createApiKeyCheck({ ...settings, limits: settings.strangers, clock, log });
  app.use(key.limit);
  app.use(key.check);
  app.all("*", async (c) => (await started())(c.req.raw, c.env));

  return {
    fetch: app.fetch as Fetch,
    /** From now on the API answers; null: it never will. */
    open: (found: Fetch | null): void => open(found),
  };
}
