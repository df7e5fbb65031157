import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerEvent, StreamLine } from "@whatsapp-engine/contract/runner";
import { afterEach, beforeEach, expect, test } from "vitest";
import { streamLines } from "./event-stream.ts";
import { openJournal, type Journal } from "./journal.ts";
import { createStateHolder, type StateHolder } from "./runner-state.ts";

let dir = "";
let journal: Journal;
let state: StateHolder;
let ending: AbortController;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "stream-"));
  journal = await openJournal({ path: join(dir, "journal.ndjson") });
  ending = new AbortController();
  state = createStateHolder({
    counts: () => ({ lastSeq: journal.lastSeq, unreadLines: 0, unreadAt: null, diskTrouble: null }),
    initial: {
      runnerId: "r",
      profileId: "p",
      status: "connecting",
      reason: "starting",
      detail: null,
      qr: null,
      account: null,
      whatsappVersion: null,
      libraryVersion: "1",
      mends: [],
      failedMends: [],
      mendCounts: {},
      newerGeneration: null,
      awaitsPage: null,
    },
  });
});
afterEach(async () => {
  ending.abort();
  await journal.close();
  await rm(dir, { recursive: true });
});

const ack = (whatsappId: string): RunnerEvent => ({
  type: "message_ack",
  whatsappId,
  messageId: null,
  ack: 1,
});
const open = (after: number, pingMs = 60_000) =>
  streamLines({ journal, state, after, signal: ending.signal, pingMs });
const parse = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as StreamLine);
const next = async (stream: AsyncGenerator<string>) => parse((await stream.next()).value as string);

test("after a number that the journal has not come to, all that it has is told", async () => {
  await journal.addEvent(ack("a"));
  expect(await next(open(57))).toMatchObject([{ line: "state" }, { line: "event", event: ack("a") }]);
});

test("first the state, then the events above the cursor, then each as it comes", async () => {
  await journal.addEvent(ack("a"));
  const cursor = journal.lastSeq;
  await journal.addEvent(ack("b"));
  const stream = open(cursor);
  expect(await next(stream)).toMatchObject([{ line: "state" }, { line: "event", event: ack("b") }]);
  const coming = next(stream);
  await journal.addEvent(ack("c"));
  expect(await coming).toMatchObject([{ line: "event", event: ack("c") }]);
});

test("no state is left out, though two come at once", async () => {
  const stream = open(0);
  await next(stream);
  const coming = next(stream);
  state.set({ status: "auth_failed", reason: "pairing_failed" });
  state.set({ status: "qr_ready", reason: null });
  const lines = await coming;
  expect(lines.map((line) => line.line === "state" && line.state.status)).toEqual([
    "auth_failed",
    "qr_ready",
  ]);
});

test("a quiet stream pings, and ends when the runner does", async () => {
  const stream = open(0, 10);
  await next(stream);
  expect(await next(stream)).toEqual([{ line: "ping" }]);
  const last = stream.next();
  ending.abort();
  expect((await last).done).toBe(true);
});
