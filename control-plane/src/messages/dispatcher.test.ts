import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerState, SendRecord } from "@whatsapp-engine/contract";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { systemClock as clock } from "../clock.ts";
import { createEventStore } from "../events/store.ts";
import { RunnerUnavailable, type RunnerClient } from "../runner-client.ts";
import { createLiveSessions } from "../sessions/live.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createMediaStore } from "./media-store.ts";
import { createPace } from "./pace.ts";
import { createMessageStore, type MessageStore } from "./store.ts";

const TO = "6281111111111";
const NO_LIMITS = { perMinute: 0, burst: 1, pauseMs: 0, perDay: 0, recipientPauseMs: 0, recipientPerDay: 0 };
const log = pino({ level: "silent" });

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
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

beforeEach(() => {
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
  const live = createLiveSessions();
  const state = { status: "connected" } as RunnerState;
  live.set("a", { runnerId: "r", profileId: "p", client, state, stop: async () => undefined });
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
  store.handOver("before the crash", clock.now());
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
