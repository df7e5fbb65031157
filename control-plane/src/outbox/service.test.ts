import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageStatus, SendMessage } from "@whatsapp-engine/contract/api";
import { events, messages as rows, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import type { SessionService } from "../sessions/index.ts";
import { createLiveSessions } from "../connection/index.ts";
import { createBulkPace } from "./bulks/pace.ts";
import { createBulkService, type BulkService } from "./bulks/service.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createMediaFetcher, type MediaFetcher } from "./media/media-fetch.ts";
import { createMediaStore } from "./media/media-store.ts";
import { createPace } from "./pace.ts";
import { createMessageService, type MessageService } from "./service.ts";
import { createMessageStore, type MessageStore } from "./store.ts";
import { createPeople } from "../people/index.ts";
import { createRepeats } from "./repeats.ts";

const TO = "6281111111111";
const NO_LIMITS = { perMinute: 0, burst: 1, pauseMs: 0, perDay: 0, recipientPauseMs: 0, recipientPerDay: 0 };
const EXPIRE_AFTER_MS = 60_000;
const clock = { now: Date.now };

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let dispatcher: Dispatcher;
let fetcher: MediaFetcher;
let service: MessageService;
let bulks: BulkService;
let suppressed: Set<string>;
let sessionStatus: "connected" | "disconnected";

/** Nothing goes out: what is accepted stays in the queue. */
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "service-"));
  database = openDatabase(dir);
  const { db } = database;
  const log = pino({ level: "silent" });
  store = createMessageStore({
    db,
    people: createPeople({ db, clock }),
    clock,
    appendEvent: createEventStore({ db, clock }).append,
    maxQueued: 1_000,
    accountLimits: { onLimit: "wait", firstRetryMs: 60_000 },
  });
  suppressed = new Set();
  sessionStatus = "connected";
  const session = () => ({ status: sessionStatus, reason: null });
  const people = createPeople({ db, clock });
  const shared = {
    store,
    media: createMediaStore({ dataDir: dir, clock }),
    live: createLiveSessions(),
    people,
    bulksAtOnce: 4,
    clockCheck: { isPlausible: () => true },
    repeats: createRepeats({ db, people, windowMs: 0, clock, log }),
    pace: createPace({ db, people, clock, defaults: NO_LIMITS }),
    bulkPace: createBulkPace({ db: database.db, clock, enqueueNext: store.bulks.enqueueNext }),
    profileSince: () => 0,
    suppressed: (_: string, recipient: string) => suppressed.has(recipient),
    sessions: { get: session, reachable: session } as unknown as Pick<SessionService, "get" | "reachable">,
    fetcher: (fetcher = createMediaFetcher({
      atOnce: 4,
      maxBytes: 1_024,
      timeoutMs: 1_000,
      permits: () => false,
    })),
    wakeSession: () => undefined,
    maxMediaBytes: 1_024,
    sendTimeoutMs: 20,
    expireAfterMs: EXPIRE_AFTER_MS,
    defaultCountry: "ID" as const,
    clock,
    log,
  };
  dispatcher = createDispatcher(shared);
  service = createMessageService({ ...shared, dispatcher });
  bulks = createBulkService({ ...shared, dispatcher, messages: service });
});
afterEach(async () => {
  await dispatcher.close(0);
  await fetcher.close();
  database.close();
  rmSync(dir, { recursive: true });
});

const send = async (change: Partial<SendMessage>, sessionId = "a") => {
  const input = { to: TO, type: "text" as const, message: "Hi", async: true, ...change };
  return (await service.send(sessionId, input, { answered: Promise.resolve(true) })).message;
};
const count = () => database.db.select().from(rows).all().length;
const file = (text: string): Partial<SendMessage> => ({
  type: "document",
  message: undefined,
  media: { bytes: new Uint8Array(Buffer.from(text)), filename: "a.txt" },
});
const base64 = (text: string): Partial<SendMessage> => ({
  type: "document",
  message: undefined,
  media: { base64: Buffer.from(text).toString("base64"), filename: "a.txt" },
});
const conflict = { code: "idempotency_conflict", status: 409 };

describe("a message's key", () => {
  it.each<[string, Partial<SendMessage>, Partial<SendMessage>]>([
    ["text", { message: "one" }, { message: "two" }],
    ["recipient", {}, { to: "6282222222222" }],
    ["uploaded file", file("one"), file("two")],
    ["file in base64", base64("one"), base64("two")],
  ])("answers the same again, and refuses another %s", async (_, one, two) => {
    const key = { clientMessageId: "key" };
    const first = await send({ ...one, ...key });
    expect(await send({ ...one, ...key })).toEqual(first);
    await expect(send({ ...two, ...key })).rejects.toMatchObject(conflict);
    expect(count()).toBe(1);
    expect((await send(key, "b")).messageId).not.toBe(first.messageId);
  });

  it("does the same for calls that come together", async () => {
    const key = { clientMessageId: "key" };
    const [first, same, other] = await Promise.allSettled([
      send({ message: "one", ...key }),
      send({ message: "one", ...key }),
      send({ message: "two", ...key }),
    ]);
    expect(first).toMatchObject({ status: "fulfilled", value: { text: "one" } });
    expect(same).toEqual(first);
    expect(other).toMatchObject({ status: "rejected", reason: conflict });
    expect(count()).toBe(1);
  });

  it("answers the same though such a message would be refused by now", async () => {
    const input = {
      clientMessageId: "key",
      async: false,
      expiresAt: new Date(Date.now() + 30).toISOString(),
    };
    const first = await send(input);
    suppressed.add(TO);
    sessionStatus = "disconnected";
    for (const message of ["2", "3"]) await send({ message, to: "6282222222222" });
    while (Date.now() <= Date.parse(input.expiresAt)) await new Promise(setImmediate);
    expect((await send(input)).messageId).toBe(first.messageId);
  });

  it("of a bulk does the same", async () => {
    const bulk = (text: string) =>
      bulks.create("a", { type: "text", message: text, recipients: [TO], clientBulkId: "key" });
    const first = await bulk("one");
    expect(await bulk("one")).toEqual(first);
    await expect(bulk("two")).rejects.toMatchObject(conflict);
  });

  it("of a bulk that comes twice at once makes one", async () => {
    // Many, so that the second comes while the first is looked through, or is on its way to the disk.
    const recipients = Array.from({ length: 500 }, (_, at) => ({
      to: `62812${1_000_000 + at}`,
      clientMessageId: `of-it-${at}`,
    }));
    const bulk = () =>
      bulks.create("a", { type: "text", message: "one", recipients, clientBulkId: "at-once" });
    const first = bulk();
    const others = [bulk()];
    while (count() === 0) {
      others.push(bulk());
      await new Promise(setImmediate);
    }
    others.push(bulk());
    const one = await first;
    for (const other of await Promise.all(others)) expect(other).toEqual(one);
    expect(count()).toBe(500);
  });
});

it("accepts no message whose media is not on the disk", async () => {
  rmSync(join(dir, "media"), { recursive: true });
  await expect(send(base64("one"))).rejects.toThrow("ENOENT");
  expect(count()).toBe(0);
});

describe("who must not be written to", () => {
  const refusal = { code: "recipient_suppressed", status: 403 };

  it("is refused before anything is accepted", async () => {
    suppressed.add(TO);
    await expect(send({})).rejects.toMatchObject(refusal);
    expect(count()).toBe(0);
  });

  it("is not written to by a repetition either", async () => {
    const { messageId } = await send({});
    service.cancel("a", messageId);
    suppressed.add(TO);
    await expect(service.retry("a", messageId)).rejects.toMatchObject(refusal);
    expect(count()).toBe(1);
  });
});

it("lets a message end when its time is over, and takes none whose time is over", async () => {
  const before = Date.now();
  const { messageId } = await send({});
  const expiresAt = store.find(messageId)?.expiresAt ?? 0;
  expect(expiresAt).toBeGreaterThanOrEqual(before + EXPIRE_AFTER_MS);
  expect(expiresAt).toBeLessThanOrEqual(Date.now() + EXPIRE_AFTER_MS);
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  for (const times of [{ expiresAt: at(-1) }, { expiresAt: at(1_000), scheduledAt: at(2_000) }])
    await expect(send(times)).rejects.toMatchObject({ code: "invalid_request" });
});

describe("a repetition by hand", () => {
  /** All that were accepted. */
  const become = (status: MessageStatus) => database.db.update(rows).set({ status }).run();

  it.each<MessageStatus>(["failed", "unknown", "expired", "cancelled"])(
    "of one that is %s is a new message, and the old one stays what it is",
    async (status) => {
      const { messageId, ...old } = await send(base64("one"));
      become(status);
      const repeated = await service.retry("a", messageId);
      expect(repeated).toMatchObject({ status: "queued", to: TO, type: old.type, attempts: 0 });
      expect(repeated.messageId).not.toBe(messageId);
      expect(store.find(repeated.messageId)?.mediaSha256).toBe(store.find(messageId)?.mediaSha256);
      expect(store.find(messageId)?.status).toBe(status);
      expect(store.next("a", [], 9).map(({ id }) => id)).toEqual([repeated.messageId]);
    },
  );

  it("that is asked for twice, at once or later, is one message, until that one has ended unsent", async () => {
    const { messageId } = await send({});
    become("failed");
    const [one, other] = await Promise.all([service.retry("a", messageId), service.retry("a", messageId)]);
    expect(other.messageId).toBe(one.messageId);
    database.db.update(rows).set({ status: "sent" }).where(eq(rows.id, one.messageId)).run();
    expect(await service.retry("a", messageId)).toMatchObject({ messageId: one.messageId, status: "sent" });
    expect(count()).toBe(2);
    database.db.update(rows).set({ status: "unknown" }).where(eq(rows.id, one.messageId)).run();
    const third = await service.retry("a", messageId);
    expect([one.messageId, messageId]).not.toContain(third.messageId);
    expect(count()).toBe(3);
  });

  it.each<MessageStatus>(["queued", "sending", "sent", "delivered", "read"])(
    "of one that is %s is refused",
    async (status) => {
      const { messageId } = await send({});
      become(status);
      await expect(service.retry("a", messageId)).rejects.toMatchObject({ code: "message_not_retryable" });
      expect(count()).toBe(1);
    },
  );
});

it("answers a caller who waited long with the message as it stands", async () => {
  expect(await send({ async: false })).toMatchObject({ status: "queued", attempts: 0 });
});

describe("a bulk", () => {
  const input = { type: "text" as const, message: "x", recipients: [TO, "6282222222222"] };
  const expiryOf = async (more: object) => {
    const { bulk } = await bulks.create("a", { ...input, ...more });
    return store.bulks.messagesOf(bulk.bulkId).map(({ expiresAt }) => expiresAt! - clock.now());
  };

  it("with a pace of its own has the time that takes, unless its end was given", async () => {
    const pace = { pauseMs: EXPIRE_AFTER_MS };
    for (const left of await expiryOf({ pace })) expect(left).toBeGreaterThan(2.5 * EXPIRE_AFTER_MS);
    await bulks.cancel("a", bulks.list("a", { limit: 1 }).bulks[0]!.bulkId);
    const expiresAt = new Date(clock.now() + EXPIRE_AFTER_MS).toISOString();
    for (const left of await expiryOf({ pace, expiresAt })) expect(left).toBeLessThanOrEqual(EXPIRE_AFTER_MS);
  });

  it("that ends as a whole tells so behind all of its messages", async () => {
    const { bulk } = await bulks.create("a", input);
    database.db.transaction(() => store.endSession("a"));
    const told = database.db.select().from(events).all();
    expect(told.map(({ type }) => type)).toEqual(["message.status", "message.status", "bulk.finished"]);
    expect(bulks.get("a", bulk.bulkId).bulk.state).toBe("finished");
  });
});
