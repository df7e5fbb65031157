import pino from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createStarting, type Fetch } from "./starting.ts";

const KEY = "k".repeat(32);
let starting: ReturnType<typeof createStarting>;
beforeEach(() => {
  vi.useFakeTimers();
  starting = createStarting({
    settings: {
      apiKey: KEY,
      allowedIps: [],
      trustedProxies: [],
      strangers: { withoutKeyPerMinute: 60, wrongKeyPerMinute: 10 },
      version: "1",
    },
    uptimeSeconds: () => 0,
    clock: { now: () => Date.now() },
    log: pino({ level: "silent" }),
  });
});
afterEach(() => void vi.useRealTimers());

const env = { incoming: { socket: { remoteAddress: "127.0.0.1" }, headers: {}, complete: true } };
const call = async (path: string, key = KEY) => {
  const request = new Request(`http://localhost${path}`, { headers: { "X-API-Key": key } });
  return starting.fetch(request, env as unknown as Parameters<Fetch>[1]);
};

it("a call waits until the API answers it", async () => {
  const waiting = call("/sessions");
  starting.open((request) => new Response(new URL(request.url).pathname));
  expect(await (await waiting).text()).toBe("/sessions");
});

it("no call waits for longer than 8 s", async () => {
  const waiting = call("/sessions");
  await vi.advanceTimersByTimeAsync(7_900);
  let answered = false;
  void waiting.then(() => (answered = true));
  expect(answered).toBe(false);
  await vi.advanceTimersByTimeAsync(200);
  const { status, headers } = await waiting;
  expect([status, headers.get("Retry-After")]).toEqual([503, "1"]);
});

it("where the engine does not start, those who wait are told", async () => {
  const waiting = call("/sessions");
  starting.open(null);
  expect(await (await waiting).json()).toMatchObject({ error: { code: "shutting_down" } });
});
