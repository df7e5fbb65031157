import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendRecord } from "@whatsapp-engine/contract/runner";
import {
  accountLimits,
  events,
  messages,
  openDatabase,
  sessions,
  type OpenDatabase,
} from "@whatsapp-engine/db";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { createMessageStore, type MessageStore } from "./store.ts";
import { createPeople } from "../people/index.ts";

const HOUR_MS = 3_600_000;
const START = Date.parse("2026-11-01T00:00:00.000Z");

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let now: number;
const clock = { now: () => now };
const open = (onLimit: "wait" | "fail" = "wait") => {
  const { db } = database;
  store = createMessageStore({
    db,
    people: createPeople({ db, clock }),
    clock,
    appendEvent: createEventStore({ db, clock }).append,
    maxQueued: 100,
    accountLimits: { onLimit, firstRetryMs: HOUR_MS },
  });
  store.limits.open();
};
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "limits-"));
  database = openDatabase(dir);
  now = START;
  open();
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const add = async (id: string, recipient = id) =>
  store.add({ id, sessionId: "a", recipient, type: "text", body: id });
const queue = () => store.next("a", [], 100).map(({ id }) => id);
const record = (messageId: string, change: Partial<SendRecord>): SendRecord => ({
  messageId,
  outcome: "not_sent",
  whatsappId: null,
  ack: null,
  timestamp: null,
  error: null,
  ...change,
});
/** Handed over, and refused: by WhatsApp, or by the runner for what is known already. */
async function refuse(id: string, { until = null as number | null, local = false } = {}) {
  expect(await store.handOver(id, now)).toBe(true);
  const error = {
    code: "account_restricted",
    message: "no",
    until: until === null ? null : new Date(until).toISOString(),
  } as const;
  await store.settle(record(id, { ack: local ? null : -1, error }));
}
async function send(id: string) {
  expect(await store.handOver(id, now)).toBe(true);
  await store.settle(record(id, { outcome: "sent", whatsappId: id, ack: 1 }));
}
const nextTry = () => Date.parse(store.limits.of("a")!.nextTryAt) - now;

describe("a chat that WhatsApp refuses", () => {
  it("is held with all that waits for it and comes after; others pass it", async () => {
    for (const [id, to] of [["a1", "A"], ["a2", "A"], ["b1", "B"]] as const) await add(id, to); // prettier-ignore
    await refuse("a1");
    expect(queue()).toEqual(["b1"]);
    const { row } = await add("a3", "A");
    expect(row).toMatchObject({ status: "queued", waitsFor: "account_restricted" });
    expect((await add("c1", "C")).row.waitsFor).toBeNull();
    expect(queue()).toEqual(["b1", "c1"]);
    expect(store.find("a1")).toMatchObject({ status: "queued", waitsFor: "account_restricted", attempts: 1 });
    const told = database.db.select().from(events).all();
    expect(
      told.map(({ type, data }) => [
        type,
        "messageId" in data ? data.messageId : "limit" in data && data.limit,
      ]),
    ).toEqual([
      ["session.limit", store.limits.of("a")],
      ["message.status", "a1"],
      ["message.status", "a2"],
    ]);
    expect(store.limits.newChatsRefused("a", "b1")).toBe("account_restricted");
    expect(store.limits.newChatsRefused("b", "x")).toBeNull();
  });

  it("goes on in its order when one message got through, also after a restart", async () => {
    for (const [id, to] of [["a1", "A"], ["a2", "A"], ["b1", "B"]] as const) await add(id, to); // prettier-ignore
    await refuse("a1", { until: now + 10_000 });
    await refuse("b1", { local: true });
    open();
    now += 10_000;
    expect(store.limits.tryAgain()).toEqual([]); // WhatsApp's clock may be a little behind
    now += 5_000;
    expect(store.limits.tryAgain()).toEqual(["a"]);
    expect(queue()).toEqual(["a1"]);
    expect(store.limits.newChatsRefused("a", "a1")).toBeNull();
    open(); // it is the same one that tries
    expect(store.limits.tryAgain()).toEqual([]);
    await send("a1");
    expect(store.limits.of("a")).toBeNull();
    expect(queue()).toEqual(["a2", "b1"]);
    const told = database.db.select().from(events).all().slice(-2);
    expect(told).toMatchObject([
      { data: { status: "sent" } },
      { type: "session.limit", data: { limit: null } },
    ]);
  });

  it("is tried by one message after an hour where no end is told, then after twice as long, a day at most", async () => {
    await add("a1");
    await add("b1");
    await refuse("a1");
    await refuse("b1"); // was under way when the first came back
    for (const hours of [1, 2, 4, 8, 16, 24, 24]) {
      expect(nextTry()).toBe(hours * HOUR_MS);
      now += nextTry() - 1;
      expect(store.limits.tryAgain()).toEqual([]);
      now += 1;
      expect(store.limits.tryAgain()).toEqual(["a"]);
      expect(queue()).toEqual(["a1"]);
      await refuse("a1");
    }
    expect(store.find("a1")!.attempts).toBe(8);
    expect(store.find("b1")!.attempts).toBe(1);
  });

  it("is tried by the next message where the one that tries ends otherwise", async () => {
    await add("a1");
    await add("b1");
    await refuse("a1");
    await refuse("b1", { local: true });
    now += HOUR_MS;
    store.limits.tryAgain();
    store.cancel("a1");
    expect(store.limits.tryAgain()).toEqual(["a"]);
    expect(queue()).toEqual(["b1"]);
    await store.handOver("b1", now);
    store.giveUp("b1"); // what nobody knows of may have been refused
    await add("c1");
    await refuse("c1", { local: true });
    expect(store.limits.tryAgain()).toEqual([]);
    now += HOUR_MS;
    expect(store.limits.tryAgain()).toEqual(["a"]);
  });

  it("is over by itself at the end that was told, where nobody waits", async () => {
    await add("a1");
    await refuse("a1", { until: now + 1_000 });
    store.cancel("a1");
    now += 6_000;
    expect(store.limits.tryAgain()).toEqual([]);
    expect(store.limits.of("a")).toBeNull();
  });

  it("takes a later end that one of the messages under way learns", async () => {
    await add("a1");
    await add("b1");
    await refuse("a1");
    await refuse("b1", { until: now + 2 * HOUR_MS });
    expect(nextTry()).toBe(2 * HOUR_MS + 5_000);
  });
});

describe("a limit that is over", () => {
  beforeEach(async () => {
    for (const id of ["a1", "b1", "c1"]) await add(id);
    await refuse("a1", { until: now + 1_000 });
    await refuse("b1", { local: true });
    now += 6_000;
    expect(store.limits.tryAgain()).toEqual(["a"]);
  });
  it("holds nobody that the runner refused for it a moment before", async () => {
    await store.handOver("c1", now);
    await send("a1");
    const error = { code: "account_restricted", message: "no" } as const;
    await store.settle(record("c1", { error }));
    expect(queue()).toEqual(["b1", "c1"]);
  });
  it("has its session looked at again, however that was heard", async () => {
    await store.handOver("a1", now);
    store.acknowledge("a", { messageId: "a1", whatsappId: "w", ack: 1 }, new Date(now).toISOString());
    expect(queue()).toEqual(["b1", "c1"]);
    expect(store.limits.tryAgain()).toEqual(["a"]);
    expect(store.limits.tryAgain()).toEqual([]);
  });
});

describe("the message that tries", () => {
  beforeEach(async () => {
    for (const [id, to] of [["a1", "A"], ["a2", "A"], ["b1", "B"]] as const) await add(id, to); // prettier-ignore
    await refuse("a1");
    await refuse("b1", { local: true });
    now += HOUR_MS;
    store.limits.tryAgain();
    expect(queue()).toEqual(["a1"]);
  });
  it("is another one where it left the queue", () => {
    const of = database.db.update(messages).set({ position: null });
    of.where(eq(messages.id, "a1")).run();
    expect(store.limits.tryAgain()).toEqual(["a"]);
    expect(queue()).toEqual(["a2"]);
  });
  it("stays at its place where its recipient's pace has it wait", () => {
    expect(store.limits.postpone(store.find("a1")!, now + 5_000)).toBe(true);
    expect(store.limits.postpone(store.find("b1")!, now)).toBe(false);
    expect(queue()).toEqual([]);
    now += 5_000;
    store.limits.tryAgain();
    expect(queue()).toEqual(["a1"]);
  });
  it("is not judged by an attempt of before", async () => {
    await store.handOver("a1", now);
    const error = { code: "account_restricted", message: "no" } as const;
    await store.settle(record("a1", { attempt: 1, ack: -1, error }));
    expect(store.find("a1")).toMatchObject({ status: "sending", attempts: 2 });
    await store.settle(record("a1", { attempt: 2, ack: -1, error }));
    expect(nextTry()).toBe(2 * HOUR_MS);
  });
});

it("a chat in which somebody writes goes on: the page knows it", async () => {
  for (const to of ["628111", "628222"]) await add(to);
  await refuse("628111");
  await refuse("628222", { local: true });
  store.limits.onReceived("a", ["628222", "123@lid"]);
  expect(queue()).toEqual(["628222"]);
  expect(store.limits.tryAgain()).toEqual(["a"]);
});

it("a message that is held expires at its time", async () => {
  await add("a1");
  await store.add({
    id: "a2",
    sessionId: "a",
    recipient: "a1",
    type: "text",
    body: "x",
    expiresAt: now + 1_000,
  });
  await refuse("a1");
  expect(store.find("a2")).toMatchObject({ status: "queued", waitsFor: "account_restricted" });
  now += 1_000;
  store.expire(now);
  expect(store.find("a2")).toMatchObject({ status: "expired" });
  expect(store.find("a1")).toMatchObject({ status: "queued" });
});

it("one to new people tries first, though another was refused before it", async () => {
  await add("known");
  await send("known");
  await add("again", "known");
  await add("a1");
  await refuse("again");
  await refuse("a1");
  now += HOUR_MS;
  store.limits.tryAgain();
  expect(queue()).toEqual(["a1"]);
});

it("the one that tries is found at once among many, however much went out before", async () => {
  await add("a1");
  await refuse("a1");
  const insert = database.db.$client.prepare(`insert into messages
    (id, session_id, recipient, type, status, position, waits_for, created_at, updated_at, handed_at)
    values (?, 'a', ?, 'text', ?, ?, ?, ?, ?, ?)`);
  database.db.$client.transaction(() => {
    for (let n = 0; n < 30_000; n++) insert.run(`sent${n}`, `62${n}`, "sent", n, null, now, now, now - n);
    for (let n = 0; n < 2_000; n++)
      insert.run(
        `held${n}`,
        `63${n}`,
        "queued",
        Number.MAX_SAFE_INTEGER - n,
        "account_restricted",
        now,
        now,
        null,
      );
  })();
  now += HOUR_MS;
  const begun = performance.now();
  store.limits.tryAgain();
  expect(performance.now() - begun).toBeLessThan(500); // ten times what it takes
  expect(queue()).toEqual(["a1"]);
});

it("an end that cannot be believed is none", async () => {
  await add("a1");
  await refuse("a1", { until: now + 1_000 * 365 * 24 * HOUR_MS });
  expect(store.limits.of("a")).toMatchObject({ until: null });
  expect(nextTry()).toBe(HOUR_MS);
});

it("the one that tries is waited for where a build of WhatsApp Web did not take it: what comes after it stays behind it", async () => {
  await add("a1", "a");
  await add("a2", "a");
  await refuse("a1");
  now += HOUR_MS;
  store.limits.tryAgain();
  expect(queue()).toEqual(["a1"]);
  database.db.update(messages).set({ waitsFor: "whatsapp_build" }).where(eq(messages.id, "a1")).run();
  store.limits.tryAgain();
  expect(queue()).toEqual([]);
});

it("another account that is linked has no limit that is known", async () => {
  const row = { id: "a", desired: "running", status: "connected", createdAt: 0, updatedAt: 0 } as const;
  database.db
    .insert(sessions)
    .values({ ...row, linkedPhoneNumber: "6281" })
    .run();
  await add("a1");
  await refuse("a1");
  expect(store.limits.tryAgain()).toEqual([]);
  database.db.update(sessions).set({ linkedPhoneNumber: "6282" }).run();
  expect(store.limits.tryAgain()).toEqual(["a"]);
  expect(store.limits.of("a")).toBeNull();
  expect(queue()).toEqual(["a1"]);
});

it("what is held without a limit is in the queue after a start", async () => {
  await add("a1");
  await refuse("a1");
  database.db.delete(accountLimits).run();
  open();
  expect(queue()).toEqual(["a1"]);
});

describe("where messages are to fail", () => {
  it("they do by name, without being tried until the next try is due", async () => {
    open("fail");
    await add("a1");
    await add("a2", "a1");
    await refuse("a1");
    expect(store.find("a1")).toMatchObject({ status: "failed", errorCode: "account_restricted" });
    expect(queue()).toEqual(["a2"]);
    expect(store.limits.newChatsRefused("a", "a2")).toBe("account_restricted");
    await refuse("a2", { local: true });
    now += HOUR_MS;
    await add("b1");
    await add("c1");
    expect(store.limits.newChatsRefused("a", "b1")).toBeNull();
    expect(store.limits.newChatsRefused("a", "c1")).toBe("account_restricted"); // one at a time
    await send("c1");
    expect(store.limits.of("a")).not.toBeNull();
    await send("b1");
    expect(store.limits.of("a")).toBeNull();
  });

  it("one to somebody who was written to before tries nothing", async () => {
    open("fail");
    await add("known");
    await send("known");
    await add("a1");
    await refuse("a1");
    now += HOUR_MS;
    await add("again", "known");
    expect(store.limits.newChatsRefused("a", "again")).toBe("account_restricted");
    await send("again");
    expect(store.limits.of("a")).not.toBeNull();
    await add("b1");
    expect(store.limits.newChatsRefused("a", "b1")).toBeNull();
  });

  it("what was held before goes on", async () => {
    await add("a1");
    await refuse("a1");
    open("fail");
    expect(queue()).toEqual(["a1"]);
  });
});

it("a deleted session is forgotten with its limit", async () => {
  await add("a1");
  await refuse("a1");
  store.endSession("a");
  expect(store.limits.of("a")).toBeNull();
  expect(database.db.select().from(accountLimits).all()).toEqual([]);
});

it("what is undone is not remembered", async () => {
  await add("a1");
  await store.handOver("a1", now);
  const error = { code: "account_restricted", message: "no" } as const;
  const undone = () =>
    database.db.transaction(() => {
      store.settleWithin("a", record("a1", { ack: -1, error }));
      expect(store.limits.of("a")).not.toBeNull();
      throw new Error("undone");
    });
  expect(undone).toThrow("undone");
  expect(store.limits.of("a")).toBeNull();
});
