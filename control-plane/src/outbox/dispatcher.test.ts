import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerState, SendRecord } from "@whatsapp-engine/contract/runner";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEventStore } from "../events/index.ts";
import {
  createLiveSessions,
  createRunnerClient,
  type LiveSessions,
  type RunnerClient,
  RunnerUnavailable,
} from "../connection/index.ts";
import { createBulkPace } from "./bulks/pace.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createMediaStore } from "./media/media-store.ts";
import { createPace, type Pace } from "./pace.ts";
import { createMessageStore, type MessageStore } from "./store.ts";
import { createPeople } from "../people/index.ts";

const TO = "6281111111111";
const OTHER = "6282222222222";
const HOUR_MS = 60 * 60_000;
const NO_LIMITS = { perMinute: 0, burst: 1, pauseMs: 0, perDay: 0, recipientPauseMs: 0, recipientPerDay: 0 };
const log = pino({ level: "silent" });

/** May be set back. */
let isPlausible: boolean;
let skewMs: number;
const clock = { now: () => Date.now() + skewMs };

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let live: LiveSessions;
let dispatcher: Dispatcher;
let pace: Pace;
/** Who must not be written to. */
let suppressed: Set<string>;
let profileSince: number;
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
const text = (id: string) => ({ id, sessionId: "a", type: "text" as const, body: id });
const add = (id: string, change: { recipient?: string; mediaSha256?: string; expiresAt?: number } = {}) =>
  store.add({ ...text(id), recipient: TO, ...change });
const statusOf = (id: string) => store.find(id)?.status;
/** A retry is a second later. */
const SOON = { timeout: 10_000 };
const becomes = (id: string, status: string) => vi.waitFor(() => expect(statusOf(id)).toBe(status), SOON);

function connect(client: RunnerClient): void {
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
}

beforeEach(() => {
  skewMs = 0;
  isPlausible = true;
  dir = mkdtempSync(join(tmpdir(), "dispatcher-"));
  database = openDatabase(dir);
  const { db } = database;
  store = createMessageStore({
    db,
    people: createPeople({ db, clock }),
    clock,
    appendEvent: createEventStore({ db, clock }).append,
    maxQueued: 500,
    accountLimits: { onLimit: "wait", firstRetryMs: 60_000 },
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
  pace = createPace({ db, people: createPeople({ db, clock }), clock, defaults: NO_LIMITS });
  suppressed = new Set();
  profileSince = 0;
  dispatcher = createDispatcher({
    clockCheck: { isPlausible: () => isPlausible },
    store,
    media: createMediaStore({ dataDir: dir, clock }),
    live,
    pace,
    bulkPace: createBulkPace({ db, clock, enqueueNext: store.bulks.enqueueNext }),
    profileSince: () => profileSince,
    suppressed: (_, recipient) => suppressed.has(recipient),
    wakeSession: () => undefined,
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
  await becomes("after it", "sent");
  expect(handed).toEqual(["before the crash", "after it"]);
});

it("asks again about a message whose answer was lost, and repeats none that is not proven unsent", async () => {
  const lost = () => Promise.reject(new RunnerUnavailable(new Error("no answer")));
  send = lost;
  find = lost;
  await dispatcher.settle("a");
  await add("lost");
  dispatcher.wake("a");
  await vi.waitFor(() => expect(handed).toEqual(["lost"]), SOON);
  send = async (messageId) => sent(messageId);
  find = async (messageId) => sent(messageId);
  await becomes("lost", "sent");
  expect(handed).toEqual(["lost"]);
});

it("hands over again what its runner never heard of, however long it waited before", async () => {
  await add("of yesterday");
  skewMs = 25 * HOUR_MS;
  send = () => Promise.reject(new RunnerUnavailable(new Error("no answer")));
  await dispatcher.settle("a");
  await vi.waitFor(() => expect(handed).toEqual(["of yesterday"]), SOON);
  send = async (messageId) => sent(messageId);
  await becomes("of yesterday", "sent");
  expect(handed).toEqual(["of yesterday", "of yesterday"]);
});

it.each<[string, typeof find]>([
  ["never heard of", async () => null],
  ["once could not send", async (messageId) => ({ ...notSent, messageId })],
])("repeats nothing that a profile which was restored since %s", async (_, restored) => {
  await add("sent after the backup");
  await store.handOver("sent after the backup", clock.now());
  profileSince = clock.now() + 1;
  find = restored;
  await dispatcher.settle("a");
  expect(statusOf("sent after the backup")).toBe("unknown");
  expect(handed).toEqual([]);
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
  await becomes("2", "sent");
  await becomes("3", "sent");
  expect(handed).toEqual(["1", "2", "3"]);
});

it("asks about what was handed over before the clock was set back, and puts it back into the queue", async () => {
  await add("1");
  await store.handOver("1", clock.now());
  skewMs = -DAY_MS;
  await dispatcher.settle("a");
  await becomes("1", "sent");
});

const scheduled = (id: string, inMs: number) => ({
  id,
  sessionId: "a",
  recipient: TO,
  type: "text" as const,
  body: id,
  scheduledAt: clock.now() + inMs,
});

const notSent: SendRecord = {
  messageId: "",
  outcome: "not_sent",
  whatsappId: null,
  ack: null,
  timestamp: null,
  error: { code: "not_connected", message: "…" },
};
const refused = () => new RunnerUnavailable(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
/** Holds what is sent until it is let go. */
function holdSends(): () => void {
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  send = async (messageId) => {
    await gate;
    return sent(messageId);
  };
  return letGo;
}

describe("the queue", () => {
  it("has one message of a chat under way, though the next stand beside it, and others pass", async () => {
    const letGo = holdSends();
    for (const id of ["1", "2", "3"]) await add(id);
    await add("other", { recipient: OTHER });
    await dispatcher.settle("a");
    await vi.waitFor(() => expect(handed).toEqual(["1", "other"]), SOON);
    dispatcher.wake("a");
    letGo();
    await becomes("3", "sent");
    expect(handed).toEqual(["1", "other", "2", "3"]);
  });

  it("goes on behind a chat that has more waiting than are looked at together", async () => {
    const letGo = holdSends();
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.add({ ...text(`${i}`), recipient: TO })));
    await add("other", { recipient: OTHER });
    await dispatcher.settle("a");
    await vi.waitFor(() => expect(handed).toEqual(["0", "other"]), SOON);
    await dispatcher.close(0);
    letGo();
  }, 60_000);

  it("passes over who must not be written to by now, and what is too late by now", async () => {
    await add("suppressed", { recipient: OTHER });
    await add("late", { expiresAt: clock.now() + HOUR_MS });
    await add("next");
    suppressed.add(OTHER);
    skewMs = 2 * HOUR_MS;
    await dispatcher.settle("a");
    await becomes("next", "sent");
    expect(handed).toEqual(["next"]);
    expect(store.find("suppressed")).toMatchObject({ status: "failed", errorCode: "recipient_suppressed" });
    expect(statusOf("late")).toBe("expired");
  });

  it("neither ends nor sends what may be too late while the clock is not to be trusted", async () => {
    await add("late", { expiresAt: clock.now() + HOUR_MS });
    await add("next");
    skewMs = 2 * HOUR_MS;
    isPlausible = false;
    await dispatcher.settle("a");
    dispatcher.wake("a");
    expect([handed, statusOf("late"), statusOf("next")]).toEqual([[], "queued", "queued"]);
    skewMs = 0;
    isPlausible = true;
    dispatcher.wake("a");
    await becomes("next", "sent");
    expect(handed).toEqual(["late", "next"]);
  });

  it("ends what is too late though its session is not connected", async () => {
    await add("late", { expiresAt: clock.now() + HOUR_MS });
    await add("next");
    skewMs = 2 * HOUR_MS;
    await becomes("late", "expired");
    expect(statusOf("next")).toBe("queued");
  });
});

describe("pace", () => {
  it("counts what was handed over from that moment on", async () => {
    pace.setLimits("a", { pauseMs: HOUR_MS });
    const letGo = holdSends();
    await add("1");
    await add("2", { recipient: OTHER });
    await dispatcher.settle("a");
    dispatcher.wake("a");
    letGo();
    await becomes("1", "sent");
    dispatcher.wake("a");
    expect([handed, statusOf("2")]).toEqual([["1"], "queued"]);
  });

  it("lets others pass whom it keeps waiting for their own", async () => {
    pace.setLimits("a", { recipientPauseMs: HOUR_MS });
    for (const id of ["1", "2"]) await add(id);
    await add("other", { recipient: OTHER });
    await dispatcher.settle("a");
    await becomes("other", "sent");
    await vi.waitFor(() => expect(store.find("2")).toMatchObject({ status: "queued", position: null }), SOON);
    expect(handed).toEqual(["1", "other"]);
    skewMs = HOUR_MS;
    await becomes("2", "sent");
  });

  it.each<[string, typeof send]>([
    ["the session was not connected", async (messageId) => ({ ...notSent, messageId })],
    ["the runner was never reached", () => Promise.reject(refused())],
  ])("does not count what proved unsent, as %s", async (_, fails) => {
    pace.setLimits("a", { pauseMs: HOUR_MS });
    send = (messageId) => {
      send = async (again) => sent(again);
      return fails(messageId);
    };
    // Who was never reached need not be asked.
    find = () => Promise.reject(refused());
    await dispatcher.settle("a");
    await add("1");
    dispatcher.wake("a");
    await becomes("1", "sent");
    expect(handed).toEqual(["1", "1"]);
  });

  it("does not count what never left, cancelled or without its media", async () => {
    pace.setLimits("a", { pauseMs: HOUR_MS });
    await dispatcher.settle("a");
    await add("cancelled");
    dispatcher.wake("a");
    store.cancel("cancelled");
    await add("no media", { mediaSha256: "0".repeat(64) });
    dispatcher.wake("a");
    await becomes("no media", "failed");
    await add("3");
    dispatcher.wake("a");
    await becomes("3", "sent");
    expect(handed).toEqual(["3"]);
    expect(store.find("no media")?.errorCode).toBe("media_missing");
  });
});

it("repeats nothing whose outcome is unknown, nor what its runner may have forgotten", async () => {
  const unknown = { outcome: "unknown", ack: 0, error: { code: "outcome_unknown", message: "?" } } as const;
  send = async (messageId) => ({ ...sent(messageId), ...unknown });
  find = async (messageId) => (messageId === "asked" ? { ...sent(messageId), ...unknown } : null);
  await add("old");
  await store.handOver("old", clock.now());
  skewMs = 2 * DAY_MS;
  await add("asked");
  await store.handOver("asked", clock.now());
  await add("unknown");
  await dispatcher.settle("a");
  await becomes("unknown", "unknown");
  await dispatcher.settle("a");
  await add("next");
  dispatcher.wake("a");
  await vi.waitFor(() => expect(handed).toContain("next"), SOON);
  expect(handed).toEqual(["unknown", "next"]);
  expect([statusOf("old"), statusOf("asked")]).toEqual(["unknown", "unknown"]);
});

describe("a database that somebody else holds", () => {
  type Client = OpenDatabase["db"]["$client"];
  let administrator: Client;
  beforeEach(() => {
    database.db.$client.pragma("busy_timeout = 20");
    const Sqlite = database.db.$client.constructor as new (file: string) => Client;
    administrator = new Sqlite(join(dir, "engine.sqlite"));
  });
  afterEach(() => void administrator.close());

  it("keeps a message in the queue until it is let go", async () => {
    await dispatcher.settle("a");
    await add("late", { expiresAt: clock.now() + HOUR_MS });
    await add("1");
    administrator.exec("begin immediate");
    skewMs = 2 * HOUR_MS;
    dispatcher.wake("a");
    administrator.exec("rollback");
    await becomes("1", "sent");
    expect(handed).toEqual(["1"]);
  });

  it("is left alone for a moment before a message is handed over again", async () => {
    await dispatcher.settle("a");
    await add("1");
    const times: number[] = [];
    const { handOver } = store;
    vi.spyOn(store, "handOver").mockImplementation((id, now) => {
      times.push(performance.now());
      if (times.length === 2) administrator.exec("rollback");
      return handOver(id, now);
    });
    administrator.exec("begin immediate");
    dispatcher.wake("a");
    await becomes("1", "sent");
    expect(times[1]! - times[0]!).toBeGreaterThan(900);
    expect(handed).toEqual(["1"]);
  });

  it("gets what it could not take as the answer came, and nothing is sent again", async () => {
    const letGo = holdSends();
    find = async (messageId) => sent(messageId);
    await dispatcher.settle("a");
    await add("1");
    dispatcher.wake("a");
    await vi.waitFor(() => expect(handed).toEqual(["1"]), SOON);
    administrator.exec("begin immediate");
    const asked = vi.fn(find);
    find = asked;
    letGo();
    // At the answer, and at the first question after it.
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(1), SOON);
    expect(statusOf("1")).toBe("sending");
    administrator.exec("rollback");
    await becomes("1", "sent");
    expect(handed).toEqual(["1"]);
  });
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
      await becomes("m", "sent");
      expect({ sends, status: statusOf("m") }).toEqual({ sends: 1, status: "sent" });
    } finally {
      await client.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
