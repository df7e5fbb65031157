import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendRecord } from "@whatsapp-engine/contract";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/store.ts";
import { createMessageStore } from "./store.ts";

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
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "messages-"));
  database = openDatabase(dir);
  const clock = { now: () => Date.parse(TAKEN) + 5_000 };
  store = createMessageStore({
    db: database.db,
    clock,
    appendEvent: createEventStore({ db: database.db, clock }).append,
    maxQueued: 3,
  });
  await store.add(message);
  await store.handOver("m", clock.now());
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const acknowledge = (ack: number, at: string, messageId: string | null = "m") =>
  store.acknowledge({ messageId, whatsappId: "w", ack }, at);

describe("message store", () => {
  it("takes a lost connection for no outcome: back into the line", async () => {
    const error = { code: "not_connected" as const, message: "…" };
    await store.settle(record({ outcome: "not_sent", whatsappId: null, ack: null, timestamp: null, error }));
    expect(store.find("m")).toMatchObject({ status: "queued", errorCode: null });
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
