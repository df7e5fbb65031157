import { MAX_LINE_BYTES } from "@whatsapp-engine/contract/runner";
import { expect, test } from "vitest";
import { createFloodGuard, readStream, RunnerFlooded, streamLimits } from "./stream.ts";

const at = "2026-11-30T00:00:00.000Z";
const event = (seq: number, what: object) => JSON.stringify({ line: "event", seq, at, event: what });
const ack = (level: number) => ({ type: "message_ack", whatsappId: "w", messageId: null, ack: level });
const PING = '{"line":"ping"}';

async function read(chunks: readonly (string | Buffer)[], guard = createFloodGuard(streamLimits, () => 0)) {
  async function* told() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const lines = [];
  for await (const line of readStream(told(), guard)) lines.push(line);
  return lines;
}

test("lines are whole, however they come", async () => {
  const text = `${PING}\n\n${event(1, { ...ack(1), whatsappId: "é😀" })}\n`;
  const whole = await read([text]);
  expect(whole).toEqual([{ line: "ping" }, expect.objectContaining({ line: "event", seq: 1 })]);
  const bytes = Buffer.from(text);
  expect(await read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
});

test.each<[string, string | Buffer, number | null]>([
  ["an event that is not known", event(7, { type: "of_tomorrow" }), 7],
  ["an ack that is not known", event(8, ack(5)), 8],
  ["an event that breaks off", event(9, ack(1)).slice(0, -5), 9],
  ["a line that is not known", '{"line":"weather","seq":3}', null],
  ["a number of another type", '{"line":"event","seq":"x"}', null],
  ["no JSON", "hello", null],
  ["no object", "null", null],
  ["no text", Buffer.from([0xff, 0xfe, 0x00]), null],
  ["no end of brackets", "[".repeat(100_000), null],
])("%s is told as one line that cannot be read, and the next goes on", async (_, line, seq) => {
  const [first, ...rest] = await read([line, `\n${PING}\n`]);
  expect(first).toMatchObject({ line: "unreadable", seq });
  expect(rest).toEqual([{ line: "ping" }]);
});

test("fields of a newer runner are left out", async () => {
  const [line] = await read([event(1, { ...ack(1), seenBy: "a newer field" }), "\n"]);
  expect(line).toEqual({ line: "event", seq: 1, at, event: ack(1) });
});

test("of a line without an end no more is held than its beginning", async () => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  const begin = '{"line":"event","seq":12,"at":"';
  const [first, ...rest] = await read([begin, ...Array.from({ length: 1_000 }, () => chunk), `\n${PING}\n`]);
  expect(first).toMatchObject({ line: "unreadable", seq: 12, why: expect.stringContaining("longer") });
  expect((first as { text: string }).text.length).toBeLessThanOrEqual(64 * 1024);
  expect(rest).toEqual([{ line: "ping" }]);
  expect(await read([" ".repeat(MAX_LINE_BYTES - PING.length) + PING, "\n"])).toEqual([{ line: "ping" }]);
});

test("a runner that tells too much is cut off; one that does so for a while is not", async () => {
  let now = 0;
  const limits = { bytes: { atOnce: 1_000, perSecond: 100 }, lines: { atOnce: 10, perSecond: 1 } };
  const guard = createFloodGuard(limits, () => now);
  await read([`${PING}\n`.repeat(10)], guard);
  await expect(read([`${PING}\n`], guard)).rejects.toThrow(RunnerFlooded);
  await expect(read(["\n"], guard)).rejects.toThrow(RunnerFlooded);
  now = 7_000;
  await read([`${PING}\n`.repeat(4)], guard);
  await expect(read(["x".repeat(1_001)], guard)).rejects.toThrow(/1000 bytes/);
});
