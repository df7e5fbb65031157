import type { ErrorDetail } from "@whatsapp-engine/contract/api";
import pino from "pino";
import { createApp, type AppDeps } from "../app.ts";

const API_KEY = "k".repeat(32);
const env = {
  incoming: { socket: { remoteAddress: "127.0.0.1" }, headers: {}, complete: true },
};

type Answer = { error: { code: string; message: string; details: ErrorDetail[] } };

function makeApp() {
  const settings = {
    apiKey: API_KEY,
    allowedIps: [],
    trustedProxies: [],
    strangers: { withoutKeyPerMinute: 60, wrongKeyPerMinute: 10 },
    rateLimitPerMinute: 0,
    maxMediaBytes: 1024 * 1024,
    mediaAtOnce: 8,
    eventStreams: 100,
    backupsAtOnce: 2,
    dataDir: "/nonexistent",
    maxBackupBytes: 1024,
    version: "1",
  };
  const clock = { now: () => 0 };
  return createApp({ settings, clock, log: pino({ level: "silent" }) } as unknown as AppDeps);
}

/** What the API's document is made of. */
export const bareDocument = () => makeApp().openAPIRegistry;

/** The API with nothing behind it: it answers what it refuses by itself, and 500 to all else. */
export function bareApp() {
  const app = makeApp();
  /** `call`: method and path. A text goes as it is. */
  return async (call: string, body?: unknown, headers: Record<string, string> = {}) => {
    const [method = "GET", path = "/"] = call.split(" ");
    const answer = await app.request(
      path,
      {
        method,
        headers: { "X-API-Key": API_KEY, "Content-Type": "application/json", ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      },
      env,
    );
    return { status: answer.status, body: (await answer.json()) as Answer };
  };
}
