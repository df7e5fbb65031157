import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deliveries, openDatabase, type DeliveryRow, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEventStore, type EventStore } from "../events/index.ts";
import { startReceiver, type Call } from "./test-support/receiver.ts";
import { createWebhooks } from "./webhooks.ts";

const HOUR = 60 * 60_000;

let dir: string;
let database: OpenDatabase;
let events: EventStore;
let webhooks: ReturnType<typeof createWebhooks>;
let now: number;
const clock = { now: () => now };
const opened: { close(): Promise<void> }[] = [];

const rows = (): DeliveryRow[] => database.db.select().from(deliveries).all();
const states = () => rows().map(({ state }) => state);
const happen = (sessionId: string, n = 1) => {
  for (let i = 0; i < n; i++)
    database.db.transaction(() => events.append(sessionId, "session.created", { name: `${i}` }));
};
const receive = async (answer: (call: Call, response: ServerResponse) => void) => {
  const receiver = await startReceiver(answer);
  opened.push(receiver);
  return receiver;
};
const ok = (_: Call, response: ServerResponse) => void response.end("thanks");
const hook = async (url: string) =>
  (await webhooks.service.create({ url, events: null, sessionId: null })).webhook.webhookId;
const soon = <T>(probe: () => T) => vi.waitFor(probe, { timeout: 20_000, interval: 10 });

/** As after a restart: nothing is known but what the database says. */
function start() {
  events = createEventStore({ db: database.db, clock });
  webhooks = createWebhooks({
    db: database.db,
    events,
    allowPrivate: true,
    keepEventsMs: 0,
    requestCleanup: () => undefined,
    random: () => 0,
    clock,
    log: pino({ level: "silent" }),
  });
  webhooks.open();
}

beforeEach(() => {
  now = Date.now();
  dir = mkdtempSync(join(tmpdir(), "webhooks-"));
  database = openDatabase(dir);
  start();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await webhooks.close();
  database.close();
  rmSync(dir, { recursive: true });
});

describe("the dispatcher", { timeout: 60_000 }, () => {
  it("keeps the order of each session, works on sessions side by side, and calls a webhook no more than 10 times at once", async () => {
    const held: (() => void)[] = [];
    const underWay = new Map<string, number>();
    let most = 0;
    const receiver = await receive(({ event }, response) => {
      underWay.set(event.sessionId, (underWay.get(event.sessionId) ?? 0) + 1);
      most = Math.max(
        most,
        held.push(() => {
          underWay.set(event.sessionId, (underWay.get(event.sessionId) ?? 0) - 1);
          response.end();
        }),
      );
      expect(underWay.get(event.sessionId)).toBe(1);
    });
    await hook(receiver.url);
    const sessions = Array.from({ length: 15 }, (_, n) => `s${n}`);
    for (const session of sessions) happen(session, 2);
    await soon(() => expect(held).toHaveLength(10));
    for (const session of sessions) happen(session, 2);
    while (states().includes("waiting")) {
      await soon(() => expect(held.length).toBeGreaterThan(0));
      // The last first: one that takes long holds up only its own session.
      held.pop()?.();
      await new Promise((resolve) => setImmediate(resolve));
      if (held.length === 0)
        await soon(() => expect(held.length > 0 || !states().includes("waiting")).toBe(true));
    }
    expect(most).toBe(10);
    for (const session of sessions) {
      const seqs = receiver.calls
        .filter(({ event }) => event.sessionId === session)
        .map(({ event }) => event.seq);
      expect(seqs).toEqual([1, 2, 3, 4]);
    }
  });

  it("sends nothing past one that failed, and goes on in order with the same ids once it is woken", async () => {
    let up = false;
    const receiver = await receive((_, response) => void response.writeHead(up ? 200 : 500).end());
    const id = await hook(receiver.url);
    happen("a", 3);
    happen("b");
    await soon(() => expect(rows().filter(({ attempts }) => attempts === 1)).toHaveLength(2));
    expect(receiver.calls.map(({ event }) => `${event.sessionId}${event.seq}`).toSorted()).toEqual([
      "a1",
      "b1",
    ]);
    const [first] = rows();
    expect(first).toMatchObject({ lastStatus: 500, lastError: "answered 500", failingSince: now });

    const tried = receiver.calls.splice(0).map((call) => call.id);
    up = true;
    await webhooks.service.change(id, {});
    await soon(() => expect(states()).toEqual(["delivered", "delivered", "delivered", "delivered"]));
    const ofA = receiver.calls.filter(({ event }) => event.sessionId === "a");
    expect(ofA.map(({ event }) => event.seq)).toEqual([1, 2, 3]);
    expect(new Set(receiver.calls.map((call) => call.id)).size).toBe(4);
    for (const again of tried) expect(receiver.calls.map((call) => call.id)).toContain(again);
  });

  it("retries by itself, also after a restart with the clock set back", async () => {
    let up = false;
    const receiver = await receive((_, response) => void response.writeHead(up ? 204 : 503).end());
    await hook(receiver.url);
    happen("a", 2);
    await soon(() => expect(rows()[0]?.attempts).toBe(1));
    await webhooks.close();
    now -= 10 * HOUR;
    up = true;
    start();
    await soon(() => expect(states()).toEqual(["delivered", "delivered"]));
  });

  it("waits as long as the receiver asks for", async () => {
    const receiver = await receive(
      (_, response) => void response.writeHead(429, { "Retry-After": "600" }).end(),
    );
    await hook(receiver.url);
    happen("a");
    await soon(() => expect(rows()[0]?.attempts).toBe(1));
    expect((rows()[0]?.nextAttemptAt ?? 0) - now).toBe(600_000);
  });

  it("disables a webhook whose receiver is gone, keeps what waits, and takes it up again when it is enabled", async () => {
    let gone = true;
    const receiver = await receive((_, response) => void response.writeHead(gone ? 410 : 200).end());
    const id = await hook(receiver.url);
    happen("a", 2);
    await soon(() => expect(webhooks.service.get(id).enabled).toBe(false));
    happen("a");
    expect(states()).toEqual(["waiting", "waiting"]);
    expect(receiver.calls).toHaveLength(1);

    gone = false;
    await webhooks.service.change(id, { enabled: true });
    await soon(() => expect(states()).toEqual(["delivered", "delivered"]));
  });

  it.each([410, 429, 500])(
    "asks a changed URL at once, though the former receiver answers %i to the call under way",
    async (status) => {
      let asked: ServerResponse | undefined;
      const former = await receive((_, response) => void (asked = response));
      const next = await receive(ok);
      const id = await hook(former.url);
      happen("a");
      await soon(() => expect(asked).toBeDefined());
      await webhooks.service.change(id, { url: next.url });
      asked?.writeHead(status, { "Retry-After": "600" }).end();
      await soon(() => expect(states()).toEqual(["delivered"]));
      expect(next.calls).toHaveLength(1);
      expect(webhooks.service.get(id)).toMatchObject({ enabled: true, url: next.url });
      expect(rows()[0]?.failingSince).toBeNull();
    },
  );

  it("gives up after a day of failures, tells what follows since when, and can send it again", async () => {
    let up = false;
    const receiver = await receive((_, response) => void response.writeHead(up ? 200 : 500).end());
    const id = await hook(receiver.url);
    happen("a");
    await soon(() => expect(rows()[0]?.attempts).toBe(1));
    const failingSince = now;
    now += 25 * HOUR;
    happen("a");
    await webhooks.service.change(id, {});
    await soon(() =>
      expect(rows().map(({ state, attempts }) => [state, attempts])).toEqual([
        ["dead", 2],
        ["waiting", 1],
      ]),
    );
    expect(rows()[1]?.failingSince).toBe(failingSince);

    up = true;
    const dead = webhooks.service.deliveries(id, { state: "dead", limit: 10 }).deliveries;
    expect(dead).toHaveLength(1);
    expect(webhooks.service.replay(id, dead[0]?.deliveryId ?? "")).toBe(1);
    await soon(() => expect(states()).toEqual(["delivered", "delivered"]));
    expect(() => webhooks.service.replay(id, dead[0]?.deliveryId ?? "")).toThrow(/delivered/);
    expect(receiver.calls.slice(-2).map(({ event }) => event.seq)).toEqual([1, 2]);
  });

  it("gives up everything that is a day old where nobody answers, and replays all of it in order", async () => {
    const receiver = await receive(ok);
    const id = await hook("http://127.0.0.1:1/nobody");
    happen("a", 700);
    await soon(() => expect(rows()[0]?.attempts).toBe(1));
    now += 25 * HOUR;
    happen("a");
    await webhooks.service.change(id, {});
    await soon(() => expect(states().filter((state) => state === "dead")).toHaveLength(700));
    expect(states().at(-1)).toBe("waiting");

    await webhooks.service.change(id, { url: receiver.url });
    await soon(() => expect(states().at(-1)).toBe("delivered"));
    expect(await webhooks.service.replayAll(id)).toBe(700);
    await soon(() => expect(states()).not.toContain("waiting"));
    expect(receiver.calls.map(({ event }) => event.seq)).toEqual([
      701,
      ...Array.from({ length: 700 }, (_, n) => n + 1),
    ]);
  });

  it("forgets a deleted webhook, and removes what it left", async () => {
    const receiver = await receive((_, response) => void response.writeHead(500).end());
    const id = await hook(receiver.url);
    happen("a", 600);
    await soon(() => expect(rows()[0]?.attempts).toBe(1));
    webhooks.service.remove(id);
    expect(() => webhooks.service.get(id)).toThrow(/no webhook/);
    happen("a");
    await webhooks.cleanup.ofDeleted(new AbortController().signal);
    expect(rows()).toEqual([]);
  });
});
