import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerState, SendRecord } from "@whatsapp-engine/contract";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEventStore } from "../events/store.ts";
import { createRunnerClient, RunnerUnavailable, type RunnerClient } from "../runner-client.ts";
import { createLiveSessions, type LiveSessions } from "../sessions/live.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createMediaStore } from "./media-store.ts";
import { createPace } from "./pace.ts";
import { createMessageStore, type MessageStore } from "./store.ts";

const TO = "6281111111111";
const NO_LIMITS = { perMinute: 0, burst: 1, pauseMs: 0, perDay: 0, recipientPauseMs: 0, recipientPerDay: 0 };
const log = pino({ level: "silent" });

/** May be set back. */
let skewMs: number;
const clock = { now: () => Date.now() + skewMs };

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let live: LiveSessions;
let dispatcher: Dispatcher;
/** Messages in the order in which the runner was handed them, and what it says of those it is asked about. */
let handed: string[];
let find: (messageId: string) => Promise<SendRecord | null>;
let send: (messageId: string) => Promise<SendRecord>;

const sent = (messageId: string): SendRecord => ({
  messageId,
  outcome: "sent",
  whatsappId: `w-${messageId}`,
  ack: 1,
  timestamp: new Date().toISOString(),
  error: null,
});
const add = (id: string) => store.add({ id, sessionId: "a", recipient: TO, type: "text", body: id });
const statusOf = (id: string) => store.find(id)?.status;

function connect(client: RunnerClient): void {
  const state = { status: "connected" } as RunnerState;
  live.set("a", { runnerId: "r", profileId: "p", client, state, stop: async () => undefined });
}

beforeEach(() => {
  skewMs = 0;
  dir = mkdtempSync(join(tmpdir(), "dispatcher-"));
  database = openDatabase(dir);
  const { db } = database;
  store = createMessageStore({
    db,
    clock,
    appendEvent: createEventStore({ db, clock }).append,
    maxQueued: 100,
  });
  handed = [];
  find = async () => null;
  send = async (messageId) => sent(messageId);
  const client = {
    send: ({ messageId }: { messageId: string }) => {
      handed.push(messageId);
      return send(messageId);
    },
    findSend: (messageId: string) => find(messageId),
  } as unknown as RunnerClient;
  live = createLiveSessions();
  connect(client);
  dispatcher = createDispatcher({
    store,
    media: createMediaStore({ dataDir: dir, clock }),
    live,
    pace: createPace({ db, clock, defaults: NO_LIMITS }),
    suppressed: () => false,
    sendTimeoutMs: 1_000,
    clock,
    log,
  });
  dispatcher.open();
});
afterEach(async () => {
  await dispatcher.close(1_000);
  database.close();
  rmSync(dir, { recursive: true });
});

it("hands out nothing before the runner was asked about what was under way: that may go first", async () => {
  await add("before the crash");
  await store.handOver("before the crash", clock.now());
  await add("after it");
  let answer = () => {};
  find = () => new Promise((resolve) => (answer = () => resolve(null)));
  const settled = dispatcher.settle("a");
  dispatcher.wake("a");
  expect(handed).toEqual([]);
  answer();
  await settled;
  await vi.waitFor(() => expect(statusOf("after it")).toBe("sent"));
  expect(handed).toEqual(["before the crash", "after it"]);
});

it("asks again about a message whose answer was lost, and repeats none that is not proven unsent", async () => {
  const lost = () => Promise.reject(new RunnerUnavailable(new Error("no answer")));
  send = lost;
  find = lost;
  await dispatcher.settle("a");
  await add("lost");
  dispatcher.wake("a");
  await vi.waitFor(() => expect(handed).toEqual(["lost"]));
  send = async (messageId) => sent(messageId);
  find = async (messageId) => sent(messageId);
  await vi.waitFor(() => expect(statusOf("lost")).toBe("sent"), { timeout: 5_000 });
  expect(handed).toEqual(["lost"]);
});

it("holds up one chat, and no other, for a message that the runner cannot tell of", async () => {
  await add("lost");
  await store.handOver("lost", clock.now());
  find = () => Promise.reject(new RunnerUnavailable(new Error("garbage"), { answered: true }));
  await add("behind it");
  await store.add({ id: "beside it", sessionId: "a", recipient: "6282222222222", type: "text", body: "x" });
  await dispatcher.settle("a");
  await vi.waitFor(() => expect(statusOf("beside it")).toBe("sent"));
  expect(handed).toEqual(["beside it"]);
  find = async (messageId) => sent(messageId);
  await vi.waitFor(() => expect(statusOf("behind it")).toBe("sent"), { timeout: 10_000 });
  expect(handed).toEqual(["beside it", "behind it"]);
});

const DAY_MS = 24 * 60 * 60_000;

it("goes on in its order when the clock is set back, and forgets nothing that waits for its time", async () => {
  await add("1");
  skewMs = -DAY_MS;
  await add("2");
  await store.add(scheduled("3", 1_000));
  await dispatcher.settle("a");
  await vi.waitFor(() => expect(statusOf("2")).toBe("sent"));
  await vi.waitFor(() => expect(statusOf("3")).toBe("sent"), { timeout: 5_000 });
  expect(handed).toEqual(["1", "2", "3"]);
});

it("asks about what was handed over before the clock was set back, and puts it back into the line", async () => {
  await add("1");
  await store.handOver("1", clock.now());
  skewMs = -DAY_MS;
  await dispatcher.settle("a");
  await vi.waitFor(() => expect(statusOf("1")).toBe("sent"));
});

const scheduled = (id: string, inMs: number) => ({
  id,
  sessionId: "a",
  recipient: TO,
  type: "text" as const,
  body: id,
  scheduledAt: clock.now() + inMs,
});

describe("a runner that answers garbage", () => {
  const garbage: Record<string, RequestListener> = {
    "no JSON": (_, response) => response.end("<html>"),
    "another message's outcome of no kind": (_, response) =>
      response.end('{"messageId":"x","outcome":"maybe"}'),
    nothing: (_, response) => response.end(),
    "half an answer": (_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"messageId":', () => response.destroy());
    },
    "an error": (_, response) => response.writeHead(500).end("oops"),
    "not found, where it was sent": (_, response) => response.writeHead(404).end(),
  };

  it.each(Object.entries(garbage))("%s: the message is asked about, and went out once", async (_, answer) => {
    let sends = 0;
    let asked = 0;
    const server = createServer((request, response) => {
      request.resume();
      if (request.method === "POST") {
        sends += 1;
        return answer(request, response);
      }
      asked += 1;
      // The first question gets garbage too, but never one that reads as "never heard of it".
      if (asked === 1) return response.end("garbage");
      return response.end(JSON.stringify(sent("m")));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = createRunnerClient(
      { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
      "t",
    );
    try {
      connect(client);
      await dispatcher.settle("a");
      await add("m");
      dispatcher.wake("a");
      await vi.waitFor(() => expect(statusOf("m")).toBe("sent"), { timeout: 10_000 });
      expect({ sends, status: statusOf("m") }).toEqual({ sends: 1, status: "sent" });
    } finally {
      await client.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
