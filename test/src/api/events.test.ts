import { readFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { Event, EventData } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";
import { openEventStream } from "../support/event-stream.ts";
import { until } from "../support/until.ts";

/** Two events: created, deleted. */
async function cycle({ api }: Engine, sessionId: string): Promise<void> {
  expect((await api("POST /sessions", { sessionId })).status).toBe(201);
  expect((await api(`DELETE /sessions/${sessionId}`)).status).toBe(200);
}

type Page = { events: Event[]; nextCursor: number | null; position: number; missed: boolean };
const pageOf = async (engine: Engine, path: string) => {
  const answer = await engine.api(`GET ${path}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body as unknown as Page;
};
const idsOf = (events: readonly Event[]) => events.map(({ id }) => id);

/** Puts events into the database of an engine that does not run, as if they had happened. */
function seed(engine: Engine, count: number, { at = Date.now(), text = "" } = {}): void {
  const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
  const insert = sqlite.prepare(
    `insert into events (session_id, seq, type, data, at)
     values (?, (select coalesce(max(seq), 0) + 1 from events where session_id = ?), 'message.received', ?, ?)`,
  );
  const data: EventData<"message.received"> = {
    whatsappId: "false_6281200000001@c.us_3EB0",
    chatId: "6281200000001@c.us",
    from: "6281200000001@c.us",
    author: null,
    phoneNumber: "6281200000001",
    timestamp: new Date(at).toISOString(),
    type: "text",
    pushName: null,
    isGroup: false,
    body: text,
    hasMedia: false,
    mimetype: null,
    filename: null,
    quotedId: null,
    location: null,
  };
  sqlite.transaction(() => {
    for (let i = 0; i < count; i++) insert.run("seeded", "seeded", JSON.stringify(data), at);
  })();
  sqlite.close();
}

const memoryKb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

describe("events over the API", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true });
  });
  afterAll(() => engine.stop());

  it("are paged, of all or of one session, also of one that is deleted", async () => {
    await cycle(engine, "a");
    await cycle(engine, "b");
    const seen: Event[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page: Page = await pageOf(engine, `/events?limit=3&after=${after}`);
      seen.push(...page.events);
      after = page.nextCursor;
    }
    expect(idsOf(seen)).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
    const ofA = (await pageOf(engine, "/sessions/a/events")).events;
    expect(ofA).toEqual(seen.filter(({ sessionId }) => sessionId === "a"));
    expect(ofA.map(({ seq }) => seq)).toEqual(ofA.map((_, i) => i + 1));
    expect([ofA[0]?.type, ofA.at(-1)?.type]).toEqual(["session.created", "session.deleted"]);
    const deleted = await pageOf(engine, "/events?types=session.deleted");
    expect(deleted.events.map(({ sessionId }) => sessionId)).toEqual(["a", "b"]);
    expect(deleted.position).toBe(seen.at(-1)?.id);
  });

  it.each([
    ["no key", "GET /events", { key: null }, 401, "unauthorized"],
    ["a type that is not known", "GET /events?types=session.status,lunch", {}, 400, "invalid_request"],
    ["a point that is no number", "GET /events?after=yesterday", {}, 400, "invalid_request"],
    [
      "a last id that is no number",
      "GET /events",
      { headers: { Accept: "text/event-stream", "Last-Event-ID": "x" } },
      400,
      "invalid_request",
    ],
    ["a session that never was", "GET /sessions/nobody/events", {}, 404, "session_not_found"],
    [
      "a stream of a session that never was",
      "GET /sessions/nobody/events",
      { headers: { Accept: "text/event-stream" } },
      404,
      "session_not_found",
    ],
  ])("refuse %s", async (_, call, options, status, code) => {
    const answer = await engine.api(call, undefined, options);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
  });

  it("are streamed as they happen, with type and id, and filtered", async () => {
    const before = (await pageOf(engine, "/events?limit=1000")).position;
    const all = await openEventStream(engine);
    const ofC = await openEventStream(engine, "/events?types=session.deleted");
    expect(all.headers).toMatchObject({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
    await until("the point where the stream begins", () => all.lastId() === String(before));
    await cycle(engine, "c");
    const [deleted] = await ofC.count(1);
    expect(deleted).toMatchObject({ sessionId: "c", type: "session.deleted" });
    const page = await pageOf(engine, `/events?after=${before}`);
    expect(await all.count(page.events.length)).toEqual(page.events);
    all.close();
    ofC.close();
  });

  it("go on after Last-Event-ID without gap or double, however often a reader breaks off", async () => {
    const start = (await pageOf(engine, "/events?limit=1000")).position;
    let end: number | undefined;
    const happenings = (async () => {
      for (let i = 0; i < 12; i++) await cycle(engine, `r${i % 3}`);
      end = (await pageOf(engine, `/events?after=${start}&limit=1000`)).position;
    })();
    const seen: Event[] = [];
    let last = start;
    for (let round = 0; last !== end; round++) {
      const stream = await openEventStream(engine, "/events", { lastEventId: last });
      await until("some events, or the last one", () => {
        const { length } = stream.events;
        return length > round % 3 || last === end || stream.events.at(-1)?.id === end;
      });
      stream.close();
      seen.push(...stream.events);
      last = stream.events.at(-1)?.id ?? last;
    }
    await happenings;
    const kept = (await pageOf(engine, `/events?after=${start}&limit=1000`)).events;
    expect(seen).toEqual(kept);
    expect(kept.length).toBeGreaterThanOrEqual(24);
  });

  it("end with the engine, in order and without delay, and go on after a restart", async () => {
    const stream = await openEventStream(engine, "/events?after=0");
    await stream.count(1);
    const startedAt = performance.now();
    expect(await engine.kill("SIGTERM")).toBe(0);
    await stream.ended;
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    await engine.restart();
    const { id = 0 } = stream.events.at(-1) ?? {};
    const again = await openEventStream(engine, "/events", { lastEventId: id });
    await cycle(engine, "later");
    expect((await again.count(2))[0]?.id).toBe(id + 1);
    again.close();
  });
});

describe("many events", () => {
  const COUNT = 20_000;
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true });
    await engine.kill("SIGTERM");
    seed(engine, COUNT, { text: "x".repeat(1_650) });
    await engine.restart();
  });
  afterAll(() => engine.stop());

  it("do not fill the memory for readers who do not read, hold up nobody, and are all there once they read", async () => {
    const quick = await openEventStream(engine, "/events?after=0");
    await quick.count(1_000);
    quick.close();
    const before = memoryKb(engine.pid);
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => openEventStream(engine, "/events?after=0", { paused: true })),
    );
    // What goes through meanwhile shows that the engine works, and gives it the time to read ahead if it did.
    const other = await openEventStream(engine, "/sessions/seeded/events?after=0");
    await other.count(COUNT);
    other.close();
    // All of it is 40 MB for each reader, 800 in all. Measured: 96 to 114, most of it kept once for those who come to the same point.
    expect(memoryKb(engine.pid) - before).toBeLessThan(200_000);

    const [slow, ...others] = streams;
    for (const stream of others) stream.close();
    expect(slow?.events).toEqual([]);
    slow?.resume();
    const events = await slow?.count(COUNT);
    expect(events?.every(({ id, seq }, i) => id === i + 1 && seq === i + 1)).toBe(true);
    slow?.close();
  });

  it("do not keep the engine from ending when a reader takes nothing", async () => {
    const stream = await openEventStream(engine, "/events?after=0", { paused: true });
    const other = await openEventStream(engine, "/events?after=0");
    await other.count(5_000);
    const startedAt = performance.now();
    expect(await engine.kill("SIGTERM")).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    stream.close();
  });
});

describe("events that are no longer kept", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true, settings: { EVENT_RETENTION_DAYS: "1" } });
    await engine.kill("SIGTERM");
    seed(engine, 1_000, { at: Date.now() - 2 * 24 * 60 * 60_000 });
    seed(engine, 5);
    await engine.restart();
  });
  afterAll(() => engine.stop());

  it("are gone after the next start, and who asks for them is told", async () => {
    await until("what is too old to be removed", async () => {
      const { events } = await pageOf(engine, "/events");
      return events.length === 5;
    });
    expect(await pageOf(engine, "/events?after=7&limit=2")).toMatchObject({
      missed: true,
      nextCursor: 1_002,
      position: 1_002,
    });
    const stream = await openEventStream(engine, "/events", { lastEventId: 7 });
    expect(idsOf(await stream.count(5))).toEqual([1_001, 1_002, 1_003, 1_004, 1_005]);
    expect(stream.notices).toEqual([
      { name: "events.missed", data: { after: 7, message: "Events in between are no longer kept." } },
    ]);
    const fromOldest = await openEventStream(engine, "/events?after=0");
    await fromOldest.count(5);
    expect(fromOldest.notices).toEqual([]);
    stream.close();
    fromOldest.close();
  });
});
