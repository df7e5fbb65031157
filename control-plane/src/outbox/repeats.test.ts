import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messages, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import pino from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createPeople } from "../people/index.ts";
import { createRepeats } from "./repeats.ts";
import type { NewMessage } from "./rows.ts";

const WINDOW_MS = 60_000;
const TO = "6281234567890";

let dir: string;
let database: OpenDatabase;
let now: number;
const clock = { now: () => now };
const make = () => {
  const { db } = database;
  const people = createPeople({ db, clock });
  return createRepeats({ db, people, clock, windowMs: WINDOW_MS, log: pino({ level: "silent" }) });
};
let repeats: ReturnType<typeof make>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "repeats-"));
  database = openDatabase(dir);
  now = 1_000_000;
  repeats = make();
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const asked = (body: string, change: Partial<NewMessage> = {}): NewMessage => {
  const message: NewMessage = {
    id: `${body}-asked`,
    sessionId: "a",
    recipient: TO,
    type: "text",
    body,
    ...change,
  };
  return { ...message, repeatHash: repeats.hashOf(message) };
};
const caller = { since: 0, isGone: () => false };
const accepted = (id: string, body: string, createdAt = now, status: "sent" | "failed" = "sent") =>
  database.db
    .insert(messages)
    .values({ ...asked(body), id, status, createdAt, updatedAt: createdAt })
    .returning()
    .get();
const goneAway = async (id: string, body: string) => {
  repeats.answering(accepted(id, body), Promise.resolve(false));
  await Promise.resolve();
};

it("gives the message of a caller who had no answer once, to the same person and within the time", async () => {
  await goneAway("1", "hello");
  expect(repeats.mayBe("a")).toBe(true);
  expect(repeats.mayBe("b")).toBe(false);
  expect(await repeats.take(asked("hello", { recipient: "6281234567891" }), caller)).toBeUndefined();
  expect(await repeats.take(asked("hello", { sessionId: "b" }), caller)).toBeUndefined();
  expect(await repeats.take(asked("hello"), caller)).toMatchObject({ id: "1" });
  // While that one is answered nobody else gets it.
  expect(await repeats.take(asked("hello"), caller)).toBeUndefined();
  now += WINDOW_MS + 1;
  expect(repeats.mayBe("a")).toBe(false);
});

it("who asks again and again without waiting gets one message for one time, and then another", async () => {
  await goneAway("1", "alarm");
  for (let n = 0; n < 5; n++) {
    now += WINDOW_MS / 4;
    const found = await repeats.take(asked("alarm"), caller);
    if (found) repeats.answering(found, Promise.resolve(false));
    await Promise.resolve();
    expect(found?.id, String(n)).toBe(n < 4 ? "1" : undefined);
  }
});

it("a call whose caller is gone by now takes what was accepted since it came", async () => {
  const row = accepted("quicker", "file");
  repeats.answering(row, Promise.resolve(true));
  const gone = { since: now, isGone: () => true };
  const taken = await repeats.take(asked("file"), gone);
  expect(taken).toMatchObject({ id: "quicker" });
  // Whoever asked again has its answer: the one that is gone leaves no mark.
  repeats.answering(taken!, Promise.resolve(false));
  await Promise.resolve();
  expect(repeats.mayBe("a")).toBe(false);
  expect(await repeats.take(asked("file"), { ...gone, since: now + 1 })).toBeUndefined();
  expect(await repeats.take(asked("file"), caller)).toBeUndefined();
});

it("after a death counts what was accepted in the last minute before, and no more after another minute", async () => {
  accepted("old", "hello", now - WINDOW_MS - 1);
  accepted("failed", "hello", now, "failed");
  accepted("young", "hello");
  const died = now;
  now += 3_600_000;
  repeats = make();
  repeats.resume({ at: died, died: true });
  expect(await repeats.take(asked("hello"), caller)).toMatchObject({ id: "young" });
  expect(await repeats.take(asked("hello"), caller)).toBeUndefined();
});

it("a database that takes nothing keeps no engine from starting", () => {
  accepted("young", "hello");
  database.db.$client.pragma("query_only = on");
  repeats.resume({ at: now, died: true });
  database.db.$client.pragma("query_only = off");
  expect(repeats.mayBe("a")).toBe(false);
});

it("after an end in order counts only who had no answer", async () => {
  accepted("answered", "one");
  await goneAway("gone", "two");
  const ended = now;
  now += 3_600_000;
  repeats = make();
  repeats.resume({ at: ended, died: false });
  expect(await repeats.take(asked("one"), caller)).toBeUndefined();
  expect(await repeats.take(asked("two"), caller)).toMatchObject({ id: "gone" });
});

it("looks at those without an answer alone, however many messages a session has", () => {
  const { $client } = database.db;
  const asks: string[] = [];
  const { prepare } = $client;
  $client.prepare = ((text: string) => {
    asks.push(text);
    return prepare.call($client, text);
  }) as typeof prepare;
  const watched = make();
  watched.mayBe("a");
  watched.resume({ at: now, died: true });
  $client.prepare = prepare;
  const onMessages = asks.filter((text) => text.includes('"messages"'));
  expect(onMessages.length).toBeGreaterThanOrEqual(4);
  for (const text of onMessages) {
    const plan = JSON.stringify($client.prepare(`explain query plan ${text.replaceAll("?", "0")}`).all());
    expect(plan, text).toMatch(/USING (COVERING )?INDEX messages_(unanswered|created)/);
  }
});
