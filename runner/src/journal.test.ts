import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JournaledSend, Retention } from "./journal-entries.ts";
import { openJournal } from "./journal.ts";
import { newRecord } from "./send-outcome.ts";

let dir = "";
let path = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-"));
  path = join(dir, "journal.ndjson");
});
afterEach(() => rm(dir, { recursive: true }));

const ack = (whatsappId: string): RunnerEvent => ({
  type: "message_ack",
  whatsappId,
  messageId: null,
  ack: 1,
});
const received = (whatsappId: string, timestamp = new Date().toISOString()) => ({
  type: "message_received" as const,
  whatsappId,
  chatId: "a",
  from: "a",
  author: null,
  phoneNumber: null,
  pushName: null,
  isGroup: false,
  kind: "chat",
  body: "hello",
  hasMedia: false,
  mimetype: null,
  filename: null,
  quotedId: null,
  location: null,
  timestamp,
});
const sent = (messageId: string): JournaledSend => ({
  ...newRecord(messageId),
  outcome: "sent",
  ack: 1,
  key: messageId,
});
const retention: Retention = { maxAgeMs: 1_000_000, maxEvents: 100, maxEventBytes: 1_000_000, maxSends: 100 };

test("events and sends survive, and the numbers go on", async () => {
  const first = await openJournal({ path });
  await first.addEvent(ack("a"));
  await first.putSend({ ...newRecord("m1"), key: "k1" });
  await first.addEvent(ack("b"));
  const last = first.lastSeq;
  await first.close();

  const second = await openJournal({ path });
  expect(second.lastSeq).toBe(last);
  expect(second.send("m1")).toMatchObject({ key: "k1", outcome: "pending" });
  expect(second.eventsAfter(0).map(({ event }) => event)).toEqual([ack("a"), ack("b")]);
  await second.addEvent(ack("c"));
  expect(second.lastSeq).toBeGreaterThan(last);
  expect(second.eventsAfter(last).map(({ event }) => event)).toEqual([ack("c")]);
  await second.close();
});

test("numbers are never given twice, though all that had them is forgotten", async () => {
  let now = 1_000_000;
  const first = await openJournal({ path, retention, now: () => now });
  await first.addEvent(ack("a"));
  const last = first.lastSeq;
  await first.close();
  now += 2 * retention.maxAgeMs;
  // Forgotten at the first start, and not there any more at the second. A lower number would say that it is another journal.
  for (const _ of [1, 2]) {
    const next = await openJournal({ path, retention, now: () => now });
    expect(next.eventsAfter(0)).toEqual([]);
    expect(next.lastSeq).toBe(last);
    await next.close();
  }
  const second = await openJournal({ path, retention, now: () => now });
  await second.addEvent(ack("b"));
  expect(second.lastSeq).toBeGreaterThan(last);
  await second.close();
});

test("keeps only so much, but every send that is not settled", async () => {
  const first = await openJournal({ path, retention });
  await first.putSend({ ...newRecord("open"), key: "k" });
  for (let index = 0; index < 150; index += 1) {
    await Promise.all([first.addEvent(ack(String(index))), first.putSend(sent(`m${index}`))]);
  }
  await first.close();
  const second = await openJournal({ path, retention });
  expect(second.eventsAfter(0)).toHaveLength(100);
  expect(second.eventsAfter(0).at(-1)!.event).toEqual(ack("149"));
  expect(second.sends()).toHaveLength(100);
  expect(second.send("open")).toBeDefined();
  expect(second.send("m149")).toBeDefined();
  await second.close();
});

test("what came in is known for good, though events are forgotten", async () => {
  const at = "2026-11-22T12:00:00.000Z";
  const first = await openJournal({ path, retention });
  await first.addEvent(received("false_a@c.us_3A1", at));
  for (let index = 0; index < 2 * retention.maxEvents; index += 1) await first.addEvent(ack(String(index)));
  await first.close();
  // Forgotten at the first start, and known from what that wrote at the second.
  for (const _ of [1, 2]) {
    const next = await openJournal({ path, retention });
    expect(next.eventsAfter(0).some(({ event }) => event.type === "message_received")).toBe(false);
    expect(next.hasSeen(received("false_a@c.us_3A1"))).toBe(true);
    expect(next.hasSeen(received("false_123@lid_3A1"))).toBe(true); // the chat's other id
    expect(next.hasSeen(received("false_a@c.us_3A2"))).toBe(false);
    expect(next.newestMessageAt()).toBe(Date.parse(at) / 1000);
    await next.close();
  }
});

test("the file does not grow without end while the runner runs", async () => {
  const journal = await openJournal({ path, retention: { ...retention, maxEvents: 10 } });
  const body = "x".repeat(10_000);
  for (let index = 0; index < 400; index += 1) await journal.addEvent({ ...received(String(index)), body });
  await journal.close();
  expect((await stat(path)).size).toBeLessThan(1_500_000);
});

test("lines that a power loss spoilt are passed over", async () => {
  const first = await openJournal({ path });
  await first.addEvent(ack("a"));
  await first.close();
  await writeFile(path, `${"\0".repeat(50)}\n{"seq":99}\n`, { flag: "a" });
  const second = await openJournal({ path });
  expect(second.eventsAfter(0).map(({ event }) => event)).toEqual([ack("a")]);
  await second.close();
});

const asLine = (entry: object) => `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`;
const NEWER = { ...ack("true_a_1"), type: "message_pinned" };

test("what another build of the runner wrote, or nobody, is kept aside; the lines after it are read", async () => {
  const foreign = asLine({ seq: 5, kind: "event", event: NEWER }).trim();
  const unknown = asLine({ seq: 6, kind: "event", event: { ...ack("true_a_2"), ack: 7 } }).trim();
  const lines = [
    asLine({ seq: 1, kind: "event", event: ack("true_a_0") }),
    "\0\0\0\n",
    `${foreign}\n${unknown}\n`,
    asLine({ seq: 7, kind: "event", event: { ...ack("true_a_3"), seenBy: "a newer field" } }),
  ];
  await writeFile(path, lines.join(""));
  const aside: string[] = [];
  const journal = await openJournal({ path, keepAside: (_, line) => aside.push(line) });
  expect(aside).toEqual(["\0\0\0", foreign, unknown]);
  expect(journal.eventsAfter(0).map(({ seq }) => seq)).toEqual([1, 7]);
  await journal.addEvent(ack("true_a_4"));
  expect(journal.lastSeq).toBe(8);
  await journal.close();

  const again: string[] = [];
  await (await openJournal({ path, keepAside: (_, line) => again.push(line) })).close();
  expect(again).toEqual([]);
});

test("a number that only an unreadable line has is not given twice", async () => {
  await writeFile(path, asLine({ seq: 9, kind: "event", event: NEWER }));
  const journal = await openJournal({ path });
  await journal.addEvent(ack("true_a_1"));
  expect(journal.eventsAfter(0).map(({ seq }) => seq)).toEqual([10]);
  await journal.close();
});

test("a message of which only an unreadable line tells was heard of: it is not sent again", async () => {
  const newer = { outcome: "half_sent", whatsappId: null, ack: null, timestamp: null, error: null };
  await writeFile(
    path,
    [
      asLine({ seq: 1, kind: "send", send: { ...newer, messageId: "handed", key: "true_a_1" } }),
      asLine({ seq: 2, kind: "send", send: { ...newer, messageId: "unclear", key: null } }),
      asLine({ seq: 3, kind: "send", send: sent("out") }),
      asLine({ seq: 4, kind: "send", send: { ...newer, messageId: "out", key: "true_a_3" } }),
      asLine({ seq: 5, kind: "send", send: { ...sent("again"), outcome: "not_sent", key: "true_a_4" } }),
      asLine({ seq: 6, kind: "send", send: { ...newer, messageId: "again", key: "true_a_5" } }),
    ].join(""),
  );
  for (let starts = 0; starts < 2; starts++) {
    const journal = await openJournal({ path });
    expect(journal.send("handed")).toMatchObject({ outcome: "pending", key: "true_a_1" });
    expect(journal.send("unclear")).toMatchObject({ outcome: "unknown" });
    expect(journal.send("out")).toEqual(sent("out"));
    // Its first attempt did not go out; of the second nobody knows.
    expect(journal.send("again")).toMatchObject({ outcome: "pending", key: "true_a_5" });
    await journal.close();
  }
});

test("a message from the future does not have the next sweep pass over those before it", async () => {
  const journal = await openJournal({ path, now: () => Date.parse("2026-11-30T00:00:00Z") });
  await journal.addEvent(received("false_a_1", "9999-12-31T23:59:59.999Z"));
  expect(journal.newestMessageAt()).toBe(Date.parse("2026-11-30T00:00:00Z") / 1000);
  await journal.close();
});
