import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendRecord } from "@whatsapp-engine/contract/runner";
import { events, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { createMessageStore } from "./store.ts";
import { createPeople } from "../people/index.ts";

const TAKEN = "2026-01-02T03:04:05.000Z";
const message = {
  id: "m",
  sessionId: "a",
  recipient: "6281111111111",
  type: "text" as const,
  body: "Hi",
  mediaSha256: null,
  mediaMimetype: null,
  mediaFilename: null,
  mediaBytes: null,
};
const record = (change: Partial<SendRecord>): SendRecord => ({
  messageId: "m",
  outcome: "sent",
  whatsappId: "w",
  ack: 1,
  timestamp: TAKEN,
  error: null,
  ...change,
});

let dir: string;
let database: OpenDatabase;
let store: ReturnType<typeof createMessageStore>;
let now: number;
const clock = { now: () => now };
/** As a start of the engine does. */
const open = (maxQueued = 4) =>
  createMessageStore({
    db: database.db,
    people: createPeople({ db: database.db, clock }),
    clock,
    appendEvent: createEventStore({ db: database.db, clock }).append,
    maxQueued,
    accountLimits: { onLimit: "wait", firstRetryMs: 60_000 },
  });
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "messages-"));
  database = openDatabase(dir);
  now = Date.parse(TAKEN) + 5_000;
  store = open();
  await store.add(message);
  await store.handOver("m", clock.now());
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const acknowledge = (ack: number, at: string, messageId: string | null = "m") =>
  store.acknowledge("a", { messageId, whatsappId: "w", ack }, at);

describe("message store", () => {
  it("takes a lost connection for no outcome: back into the queue", async () => {
    const error = { code: "not_connected" as const, message: "…" };
    await store.settle(record({ outcome: "not_sent", whatsappId: null, ack: null, timestamp: null, error }));
    expect(store.find("m")).toMatchObject({ status: "queued", errorCode: null, handedAt: null });
    expect(store.next("a", [], 2).map(({ id }) => id)).toEqual(["m"]);
    await store.handOver("m", 1);
    await store.settle(record({}));
    await store.settle(record({ outcome: "not_sent", whatsappId: null, ack: null, timestamp: null, error }));
    expect(store.find("m")?.status).toBe("sent");
  });

  it("ends alike whether the answer or the acknowledgement comes first", async () => {
    acknowledge(1, "2026-01-02T03:04:06.000Z");
    expect(store.find("m")?.sentAt).not.toBeNull();
    await store.settle(record({}));
    expect(store.find("m")).toMatchObject({ status: "sent", whatsappId: "w", sentAt: Date.parse(TAKEN) });
  });

  it("never goes back", async () => {
    await store.settle(record({ ack: 2 }));
    acknowledge(3, "2026-01-02T03:05:00.000Z", null);
    acknowledge(2, "2026-01-02T03:05:01.000Z");
    await store.settle(record({ outcome: "unknown", ack: 0 }));
    store.fail("m", "rejected", "no");
    expect(store.find("m")).toMatchObject({ status: "read", sentAt: Date.parse(TAKEN), errorCode: null });
  });

  it("takes what was unknown for sent once WhatsApp says so", async () => {
    await store.settle(record({ outcome: "unknown", error: { code: "outcome_unknown", message: "?" } }));
    expect(store.find("m")).toMatchObject({ status: "unknown", errorCode: "outcome_unknown" });
    acknowledge(1, TAKEN);
    expect(store.find("m")).toMatchObject({ status: "sent", errorCode: null, errorMessage: null });
  });

  it("lists what is not settled, and only that", async () => {
    expect(store.sendingOf("a").map(({ id }) => id)).toEqual(["m"]);
    const query = "explain query plan select id from messages where session_id = 'a' and status = 'sending'";
    expect(JSON.stringify(database.db.$client.prepare(query).all())).toContain("messages_sending");
    await store.settle(
      record({ outcome: "not_sent", ack: null, error: { code: "rejected", message: "no" } }),
    );
    expect(store.sendingOf("a")).toEqual([]);
    expect(store.find("m")?.status).toBe("failed");
  });

  it("finds those that did not go out without reading the history", async () => {
    store.fail("m", "rejected", "no");
    await store.add({ ...message, id: "n" });
    expect(store.list({ sessionId: "a", status: "failed", limit: 20 }).map(({ id }) => id)).toEqual(["m"]);
    expect(store.list({ sessionId: "a", status: "queued", limit: 20 }).map(({ id }) => id)).toEqual(["n"]);
    const query =
      "explain query plan select * from messages where session_id = 'a' and status = ? and status in ('failed', 'unknown', 'expired', 'cancelled') order by created_at desc, id desc limit 20";
    expect(JSON.stringify(database.db.$client.prepare(query).all("failed"))).toContain("messages_unsent");
  });
});

const queue = () => store.next("a", [], 100).map(({ id }) => id);
const statusOf = (id: string) => store.find(id)?.status;
const notConnected = record({
  outcome: "not_sent",
  whatsappId: null,
  ack: null,
  timestamp: null,
  error: { code: "not_connected", message: "…" },
});
const told = () =>
  database.db
    .select()
    .from(events)
    .all()
    .map(({ data }) => ("messageId" in data && "status" in data ? [data.messageId, data.status] : []));
const addBulk = (ids: string[], scheduledAt: number | null = null, check = (): void => undefined) =>
  store.addAll(
    ids.map((id) => ({
      id,
      recipient: message.recipient,
      body: null,
      clientMessageId: `key of ${id}`,
      requestHash: null,
    })),
    { sessionId: "a", type: "text", bulkId: "bulk", scheduledAt },
    {
      id: "bulk",
      sessionId: "a",
      state: "running",
      total: ids.length,
      clientBulkId: null,
      requestHash: null,
      skipped: null,
      pauseMs: null,
      createdAt: now,
      updatedAt: now,
    },
    check,
  );

describe("the queue", () => {
  it("is in the order of acceptance, those that come back before those that wait, also after a restart", async () => {
    await store.add({ ...message, id: "n" });
    await store.handOver("n", now);
    store = open(); // nothing waits, two are being sent
    await store.add({ ...message, id: "o" });
    for (const messageId of ["n", "m"]) await store.settle({ ...notConnected, messageId });
    expect(queue()).toEqual(["m", "n", "o"]);
    now -= 60 * 60_000;
    store = open();
    await store.add({ ...message, id: "p" });
    expect(queue()).toEqual(["m", "n", "o", "p"]);
    expect(store.next("a", [message.recipient], 100)).toEqual([]);
  });

  it("is full for one message, and for a bulk as a whole", async () => {
    const full = { code: "queue_full", retryAfterSeconds: 10 };
    for (const id of ["1", "2", "3"]) await store.add({ ...message, id });
    await expect(addBulk(["b1", "b2"])).rejects.toMatchObject({ ...full, extra: { queued: 3 } });
    expect(store.bulks.find("bulk")).toBeUndefined();
    await addBulk(["b1"]);
    await expect(store.add({ ...message, id: "4" })).rejects.toMatchObject(full);
    expect(queue()).toEqual(["1", "2", "3", "b1"]);
    await store.add({ ...message, id: "of another", sessionId: "b" });
  });

  it("gets those that have a time when it comes, the earliest first", async () => {
    await store.add({ ...message, id: "later", scheduledAt: now + 2_000 });
    await store.add({ ...message, id: "soon", scheduledAt: now + 1_000 });
    expect(store.promote(now + 999)).toEqual([]);
    expect(queue()).toEqual([]);
    expect(store.promote(now + 2_000)).toEqual(["a"]);
    expect(queue()).toEqual(["soon", "later"]);
    store.defer("soon", now + 3_000);
    expect(store.promote(now + 2_999)).toEqual([]);
    expect(queue()).toEqual(["later"]);
    store.promote(now + 3_000);
    expect(queue()).toEqual(["later", "soon"]);
  });

  it("loses what is too late, scheduled or not, and nothing else", async () => {
    await store.add({ ...message, id: "late", expiresAt: now + 1_000 });
    await store.add({ ...message, id: "never", scheduledAt: now + 5_000, expiresAt: now + 1_000 });
    await store.add({ ...message, id: "in time", expiresAt: now + 1_001 });
    expect(store.expire(now + 1_000)).toBe(2);
    expect(queue()).toEqual(["in time"]);
    expect([statusOf("late"), statusOf("never"), statusOf("m")]).toEqual(["expired", "expired", "sending"]);
    expect(await store.handOver("late", now)).toBe(false);
    expect(told()).toEqual([
      ["late", "expired"],
      ["never", "expired"],
    ]);
  });
});

describe("a bulk", () => {
  beforeEach(async () => {
    await store.settle(record({}));
    await addBulk(["1", "2"]);
    await store.handOver("1", now);
  });
  const comesBack = () => store.settle({ ...notConnected, messageId: "1" });

  it("that is paused holds back what comes back from a lost connection, until it goes on", async () => {
    store.bulks.setState("bulk", "paused");
    await comesBack();
    expect(statusOf("1")).toBe("queued");
    expect([queue(), store.promote(now)]).toEqual([[], []]);
    store.bulks.setState("bulk", "running");
    expect(queue()).toEqual(["1", "2"]);
  });

  it("that is cancelled ends what comes back from a lost connection, and says so", async () => {
    const heard: string[] = [];
    store.onSettled(({ id }) => void heard.push(id));
    store.bulks.setState("bulk", "cancelled");
    expect([statusOf("1"), statusOf("2")]).toEqual(["sending", "cancelled"]);
    await comesBack();
    expect(statusOf("1")).toBe("cancelled");
    expect(heard).toEqual(["2", "1"]);
    expect(told().slice(1)).toEqual([
      ["2", "cancelled"],
      ["1", "cancelled"],
    ]);
  });
});

describe("a bulk that comes in portions", () => {
  const ids = Array.from({ length: 300 }, (_, at) => `b${at}`);
  const rows = () =>
    database.db.$client
      .prepare("select count(*) from messages where bulk_id = 'bulk'")
      .pluck()
      .get() as number;
  /** What becomes of it where this is done before the last portion. */
  async function meanwhile(action: () => void, scheduledAt: number | null = null) {
    let asked = 0;
    const isLast = () => ++asked === 3;
    store = open(1_000);
    await addBulk(ids, scheduledAt, () => isLast() && action());
  }

  it("is not there before the last of it: in no queue, in no list, ended by nothing", async () => {
    await store.settle(record({}));
    let seen: unknown;
    await meanwhile(() => {
      store.endSession("a");
      store.expire(now + 1e12);
      seen = {
        rows: rows() > 0,
        queue: queue(),
        promoted: store.promote(now + 1e12),
        listed: store.list({ sessionId: "a", limit: 20 }).map(({ id }) => id),
        told: told().filter(([id]) => id !== "m"),
      };
    });
    expect(seen).toEqual({ rows: true, queue: [], promoted: [], listed: ["m"], told: [] });
    expect(queue().slice(0, 2)).toEqual(["b0", "b1"]);
    expect(store.next("a", [], 1_000)).toHaveLength(300);
  });

  it("does not get into the queue though its time comes before the last of it", async () => {
    await meanwhile(() => expect(store.promote(now + 1_000)).toEqual([]), now + 1_000);
    expect(store.promote(now + 1_000)).toEqual(["a"]);
  });

  it("is refused as a whole, whatever portion is", async () => {
    const refusal = meanwhile(() => {
      throw new Error("gone");
    });
    await expect(refusal).rejects.toThrow("gone");
    expect([rows(), store.bulks.find("bulk")]).toEqual([0, undefined]);
    await addBulk(["again"]);
    expect(queue()).toEqual(["again"]);
  });

  it("has its keys used or free only when it is known what became of it", async () => {
    const key = "key of b0";
    const single = { ...message, id: "single", clientMessageId: key, requestHash: "another" };
    const asked = async (action: () => void) => {
      let found: unknown, added: unknown;
      const bulk = meanwhile(() => {
        expect(store.findByClientId("a", key)?.id).toBe("b0");
        found = store.findAcceptedByClientId("a", key);
        added = store.add(single);
        action();
      });
      await bulk.catch(() => undefined);
      return [await found, await added];
    };
    const refuse = () => {
      throw new Error("gone");
    };
    expect(await asked(refuse)).toMatchObject([undefined, { created: true, row: { id: "single" } }]);
    database.db.$client.prepare("delete from messages").run();
    expect(await asked(() => undefined)).toMatchObject([{ id: "b0" }, { created: false, row: { id: "b0" } }]);
  });

  it("is not removed once its own row is there, whatever was told of its commit", async () => {
    await addBulk(["1", "2"]);
    store.bulks.remove("bulk");
    expect(queue()).toEqual(["1", "2"]);
  });

  it("goes as a whole with a process that dies, and nothing else does", async () => {
    await addBulk(["1", "2"]);
    database.db.$client.exec(
      "update messages set bulk_id = 'begun' where id = '2'; insert into messages (id, session_id, recipient, type, status, created_at, updated_at, bulk_id) values ('3', 'a', '62', 'text', 'queued', 1, 1, 'also begun')",
    );
    expect(store.bulks.removeUnaccepted()).toBe(2);
    expect(store.bulks.removeUnaccepted()).toBe(0);
    expect(queue()).toEqual(["1"]);
    expect(statusOf("m")).toBe("sending");
  });
});

it("keeps a paused bulk's messages out of the queue though their time comes", async () => {
  await addBulk(["1"], now + 1_000);
  store.bulks.setState("bulk", "paused");
  expect(store.promote(now + 1_000)).toEqual([]);
  store.bulks.setState("bulk", "running");
  expect(queue()).toEqual([]);
  expect(store.promote(now + 1_000)).toEqual(["a"]);
  expect(queue()).toEqual(["1"]);
});

it("ends with a session what waits as cancelled, what is being sent as unknown, and nothing of another", async () => {
  const heard: unknown[] = [];
  store.onSettled(({ id, status }) => void heard.push([id, status]));
  await store.add({ ...message, id: "n" });
  await store.add({ ...message, id: "scheduled", scheduledAt: now + 1_000 });
  await store.add({ ...message, id: "other", sessionId: "b" });
  store.endSession("a");
  const ended = [
    ["n", "cancelled"],
    ["scheduled", "cancelled"],
    ["m", "unknown"],
  ];
  expect([heard, told()]).toEqual([ended, ended]);
  expect(store.find("m")?.errorCode).toBe("outcome_unknown");
  expect(statusOf("other")).toBe("queued");
});

it("gives up what waited and was due, of bulks too, and keeps what is for later", async () => {
  await store.add({ ...message, id: "due", scheduledAt: now - 1 });
  await store.add({ ...message, id: "later", scheduledAt: now + 1 });
  await store.settle(record({}));
  await store.add({ ...message, id: "sending" });
  await store.handOver("sending", now);
  await addBulk(["1", "2"]);
  const before = told().length;
  expect(store.giveUpWaiting(now)).toBe(4);
  expect(["m", "due", "later", "sending", "1", "2"].map(statusOf)).toEqual([
    "sent",
    "unknown",
    "queued",
    "unknown",
    "unknown",
    "unknown",
  ]);
  expect(store.find("1")?.errorCode).toBe("outcome_unknown");
  expect(store.bulks.find("bulk")?.state).toBe("finished");
  expect(told().length - before).toBeGreaterThanOrEqual(4);
  expect(store.giveUpWaiting(now)).toBe(0);
});

it("needs media until its message is out", async () => {
  const mediaSha256 = "0".repeat(64);
  await store.add({ ...message, id: "n", mediaSha256 });
  expect(store.needsMedia(mediaSha256)).toBe(true);
  await store.handOver("n", now);
  expect(store.needsMedia(mediaSha256)).toBe(true);
  await store.settle(record({ messageId: "n" }));
  expect(store.needsMedia(mediaSha256)).toBe(false);
});
