import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEventStore } from "../events/index.ts";
import { createOutcomes } from "./outcomes.ts";
import type { MessageRow } from "./rows.ts";
import { createMessageStore, type MessageStore } from "./store.ts";
import { createPeople } from "../people/index.ts";

/** Longer than any test. */
const LONG_MS = 600_000;

let dir: string;
let database: OpenDatabase;
let store: MessageStore;
let outcomes: ReturnType<typeof createOutcomes>;
let row: MessageRow;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "outcomes-"));
  database = openDatabase(dir);
  const { db } = database;
  const clock = { now: Date.now };
  store = createMessageStore({
    db,
    people: createPeople({ db, clock }),
    clock,
    appendEvent: createEventStore({ db, clock }).append,
    maxQueued: 10,
    accountLimits: { onLimit: "wait", firstRetryMs: 60_000 },
  });
  outcomes = createOutcomes({ store, log: pino({ level: "silent" }) });
  ({ row } = await store.add({ id: "m", sessionId: "a", recipient: "62", type: "text", body: "Hi" }));
});
afterEach(() => {
  vi.useRealTimers();
  database.close();
  rmSync(dir, { recursive: true });
});

describe("callers who wait for an outcome", () => {
  it("are told at once, all of them, and those who come later too", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const all = [outcomes.of(row, LONG_MS), outcomes.of(row, LONG_MS)];
    const ofAnother = outcomes.of({ ...row, id: "other" }, 0);
    expect(vi.getTimerCount()).toBe(3);
    vi.advanceTimersByTime(0);
    expect((await ofAnother).status).toBe("queued");
    store.fail("m", "rejected", "no");
    for (const told of [...(await Promise.all(all)), await outcomes.of(row, LONG_MS)])
      expect(told).toMatchObject({ id: "m", status: "failed", errorCode: "rejected" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("have the message as it stands when their time is over", async () => {
    const answer = outcomes.of(row, 20);
    await store.handOver("m", Date.now());
    expect(await answer).toMatchObject({ status: "sending" });
    expect(await outcomes.of(row, -1)).toMatchObject({ status: "sending" });
  });

  it("have the message as it was where it cannot be read: it is accepted", async () => {
    database.close();
    expect(await outcomes.of(row, 1)).toEqual(row);
  });

  it("are answered at once when they are let go, and so is whoever comes later", async () => {
    const other = await store.add({ id: "n", sessionId: "a", recipient: "62", type: "text", body: "Hi" });
    const all = [row, row, other.row].map((each) => outcomes.of(each, LONG_MS));
    outcomes.release();
    all.push(outcomes.of(row, LONG_MS));
    expect((await Promise.all(all)).map(({ id, status }) => [id, status])).toEqual([
      ["m", "queued"],
      ["m", "queued"],
      ["n", "queued"],
      ["m", "queued"],
    ]);
  });

  it("are forgotten once they are answered", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let round = 0; round < 20; round++)
      await Promise.all(
        Array.from({ length: 2_500 }, (_, i) => outcomes.of({ ...row, id: `${round} ${i}` }, 0)),
      );
    expect(heap() - before).toBeLessThan(5 * 1024 * 1024);
  });
});
