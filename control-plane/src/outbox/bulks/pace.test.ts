import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerState, SendCommand, SendRecord } from "@whatsapp-engine/contract/runner";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createEventStore } from "../../events/index.ts";
import { createDispatcher, type Dispatcher } from "../dispatcher.ts";
import { createMediaStore } from "../media/media-store.ts";
import { createPace } from "../pace.ts";
import { createMessageStore, type MessageStore } from "../store.ts";
import { createPeople } from "../../people/index.ts";
import { createLiveSessions, type RunnerClient } from "../../connection/index.ts";
import { createBulkPace, type BulkPace } from "./pace.ts";

const NO_LIMITS = { perMinute: 0, burst: 1, pauseMs: 0, perDay: 0, recipientPauseMs: 0, recipientPerDay: 0 };
const clock = { now: () => Date.now() };
const SOON = { timeout: 20_000 };

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let bulkPace: BulkPace;
let dispatcher: Dispatcher;
let answer: (command: SendCommand) => Partial<SendRecord>;
let handed: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "bulk-pace-"));
  database = openDatabase(dir);
  const { db } = database;
  const people = createPeople({ db, clock });
  const { append } = createEventStore({ db, clock });
  const accountLimits = { onLimit: "wait" as const, firstRetryMs: 1_000 };
  store = createMessageStore({ db, people, clock, appendEvent: append, maxQueued: 500, accountLimits });
  bulkPace = createBulkPace({ db, clock, enqueueNext: store.bulks.enqueueNext });
  handed = [];
  answer = () => ({});
  const client = {
    send: async (command: SendCommand): Promise<SendRecord> => {
      const { messageId, attempt } = command;
      handed.push(messageId);
      const sent = { outcome: "sent" as const, whatsappId: `w-${messageId}`, ack: 1, error: null };
      return { messageId, attempt, timestamp: new Date().toISOString(), ...sent, ...answer(command) };
    },
    findSend: async () => null,
  } as unknown as RunnerClient;
  const live = createLiveSessions();
  const state = { status: "connected", diskTrouble: null } as RunnerState;
  live.set("a", {
    runnerId: "r",
    profileId: "p",
    client,
    state,
    notTaken: null,
    usedAt: 0,
    stop: async () => undefined,
  });
  dispatcher = createDispatcher({
    clockCheck: { isPlausible: () => true },
    store,
    media: createMediaStore({ dataDir: dir, clock }),
    live,
    pace: createPace({ db, people, clock, defaults: NO_LIMITS }),
    bulkPace,
    profileSince: () => 0,
    suppressed: () => false,
    wakeSession: () => undefined,
    sendTimeoutMs: 1_000,
    clock,
    log: pino({ level: "silent" }),
  });
  dispatcher.open();
  await dispatcher.settle("a");
});
afterEach(async () => {
  await dispatcher.close(1_000);
  database.close();
  rmSync(dir, { recursive: true });
});

async function accept(count: number, pauseMs: number): Promise<void> {
  const now = clock.now();
  const all = Array.from({ length: count }, (_, at) => ({
    id: `m${at}`,
    recipient: `628111111111${at}`,
    body: "x",
    clientMessageId: null,
    requestHash: null,
  }));
  const row = {
    id: "b",
    sessionId: "a",
    state: "running" as const,
    total: count,
    createdAt: now,
    updatedAt: now,
  };
  await store.addAll(
    all,
    { sessionId: "a", bulkId: "b", type: "text" },
    { ...row, clientBulkId: null, requestHash: null, skipped: null, pauseMs },
    () => undefined,
  );
  dispatcher.feedBulks();
}
const isFinished = () => vi.waitFor(() => expect(store.bulks.find("b")?.state).toBe("finished"), SOON);

it("stands between the messages of a bulk, also one that is shorter than the queue's own timer", async () => {
  await accept(12, 60);
  await isFinished();
  expect(handed).toEqual(Array.from({ length: 12 }, (_, at) => `m${at}`));
  const times = handed.map((id) => store.find(id)?.handedAt ?? 0);
  const gaps = times.slice(1).map((at, index) => at - times[index]!);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(60);
  expect(times.at(-1)! - times[0]!).toBeLessThan(4_000); // 5,500 by that timer alone
});

it("does not keep a message from trying whether a limit of the account is over", async () => {
  let limited = true;
  answer = ({ newChatsRefused }) => {
    if (!limited && newChatsRefused === undefined) return {};
    const error = { code: "account_restricted" as const, message: "limited" };
    const ack = newChatsRefused === undefined ? -1 : null;
    return { outcome: "not_sent", whatsappId: null, ack, timestamp: null, error };
  };
  await accept(2, 2_200);
  await vi.waitFor(() => expect(handed).toHaveLength(1), SOON);
  limited = false;
  await isFinished();
  expect(store.limits.of("a")).toBeNull();
  expect(["m0", "m1"].map((id) => store.find(id)?.status)).toEqual(["sent", "sent"]);
});

it("that cannot be read leaves a bulk accepted, and is read again soon", async () => {
  const { feed } = bulkPace;
  bulkPace.feed = () => {
    throw new Error("database or disk is full");
  };
  await accept(1, 60);
  bulkPace.feed = feed;
  await isFinished();
});
