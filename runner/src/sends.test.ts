import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendCommand } from "@whatsapp-engine/contract/runner";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "./test-support/eventually.ts";
import { openJournal, type Journal } from "./journal.ts";
import { createLogger } from "./logger.ts";
import { createSends, type Sends } from "./sends.ts";
import type { FoundMessage, PageHealth, WhatsAppClient } from "./whatsapp/client.ts";

let dir = "";
let journal: Journal;
let sends: Sends;
let client: WhatsAppClient;
/** What the page does with a message it is told to send. */
let send: (ref: string) => Promise<void>;
let known: FoundMessage[];
/** What is waited for before the page says what it knows. */
let asked: Promise<void>;
let health: PageHealth;
let connected: boolean;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sends-"));
  journal = await openJournal({ path: join(dir, "journal.ndjson") });
  known = [];
  asked = Promise.resolve();
  health = "answering";
  connected = true;
  client = {
    send: ({ ref }: { ref: string }) => send(ref),
    findMessages: () => asked.then(() => known),
    answers: async () => health,
  } as unknown as WhatsAppClient;
  open({ textMs: 15_000, mediaMs: 15_000, lookUpAfterMs: [15_000] });
});
const open = (limits: NonNullable<Parameters<typeof createSends>[0]["limits"]>) => {
  sends = createSends({
    journal,
    connected: () => (connected ? client : null),
    chatOf: async (_client, to) => to,
    log: createLogger({ level: "silent", runnerId: "r" }),
    limits,
  });
};
/** The page is asked about a message soon. */
const openImpatient = () => open({ textMs: 15_000, mediaMs: 15_000, lookUpAfterMs: [20, 60] });
afterEach(async () => {
  await journal.close().catch(() => undefined);
  await rm(dir, { recursive: true });
});

const never = new Promise<void>(() => undefined);
const key = "true_1@c.us_A";
const found = (ack: number): FoundMessage => ({
  key,
  shortId: "A",
  ack,
  unixSeconds: 1_700_000_000,
  refusal: null,
});
const command = (timeoutMs = 1_000): SendCommand => ({
  messageId: "m",
  to: "1@c.us",
  type: "text",
  text: "x",
  content: null,
  media: null,
  timeoutMs,
});

test("the gate opens only once the key is on the disk", async () => {
  let atTheGate = "";
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    atTheGate = await readFile(join(dir, "journal.ndjson"), "utf8");
    sends.ack(found(1));
  };
  expect(await sends.send(command())).toMatchObject({ outcome: "sent", whatsappId: key });
  expect(atTheGate).toContain(key);
});

test("a message is under way until it has an outcome, or waits in WhatsApp's own queue", async () => {
  openImpatient();
  send = async (ref) => {
    expect(sends.underWay()).toBe(true);
    await sends.beforeSend(ref, key);
  };
  expect(sends.underWay()).toBe(false);
  known = [found(0)];
  let answer = () => {};
  asked = new Promise((resolve) => (answer = resolve));
  expect(await sends.send(command(10))).toMatchObject({ outcome: "pending" });
  expect(sends.underWay()).toBe(true);
  answer();
  await eventually(() => sends.underWay()).toBe(false); // it was looked up for the last time
  expect(sends.find("m")).toMatchObject({ outcome: "pending" });
});

test("a journal that cannot be written keeps the gate shut", async () => {
  await journal.close();
  send = (ref) => sends.beforeSend(ref, key);
  expect(await sends.send(command())).toMatchObject({
    outcome: "not_sent",
    error: { code: "not_connected" },
  });
});

test("given up before the gate: not sent, and a page that comes late finds it shut", async () => {
  open({ textMs: 50, mediaMs: 50, lookUpAfterMs: [15_000] });
  let late: Promise<void> = never;
  send = () => never;
  expect(await sends.send(command())).toMatchObject({ outcome: "not_sent", error: { code: "rejected" } });
  late = sends.beforeSend("m", key);
  await expect(late).rejects.toThrow("not to be sent");
});

test("a message passes the gate once", async () => {
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    await expect(sends.beforeSend(ref, "true_1@c.us_B")).rejects.toThrow("not to be sent");
    sends.ack(found(1));
  };
  expect(await sends.send(command())).toMatchObject({ outcome: "sent", whatsappId: key });
});

test("silence after the gate: the page is asked; it knows nothing, so nobody does", async () => {
  openImpatient();
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    await never;
  };
  expect(await sends.send(command(0))).toMatchObject({ outcome: "pending" });
  await eventually(() => sends.find("m")?.outcome).toBe("unknown");
  // An ack that comes after all is the truth.
  sends.ack(found(1));
  expect(sends.find("m")).toMatchObject({ outcome: "sent", error: null });
  await eventually(() =>
    journal
      .eventsAfter(0)
      .map(({ event }) => (event.type === "send_settled" ? event.record.outcome : event.type)),
  ).toEqual(["unknown", "sent"]);
  sends.ack(found(2));
  await eventually(() => journal.eventsAfter(0).map(({ event }) => event.type)).toContain("message_ack");
});

test("silence after the gate: the page is asked, and it knows", async () => {
  openImpatient();
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    known = [found(2)];
    await never;
  };
  expect(await sends.send(command())).toMatchObject({ outcome: "sent", ack: 2 });
});

test("the account is gone: what passed the gate can never be known", async () => {
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    sends.giveUp();
  };
  expect(await sends.send(command())).toMatchObject({ outcome: "unknown", whatsappId: key });
});

test.each([
  ["is gone", () => void (connected = false)],
  ["answers no more", () => void (health = "gone")],
])("before the gate the page %s: not sent, and sent once when it is asked again", async (_, break_) => {
  send = async () => {
    break_();
    throw new Error("Target closed");
  };
  expect(await sends.send(command())).toMatchObject({
    outcome: "not_sent",
    error: { code: "not_connected" },
  });
  connected = true;
  health = "answering";
  const passed: string[] = [];
  send = async (ref) => {
    await sends.beforeSend(ref, key);
    passed.push(ref);
    sends.ack(found(1));
  };
  expect(await sends.send(command())).toMatchObject({ outcome: "sent", whatsappId: key });
  expect(await sends.send(command())).toMatchObject({ outcome: "sent", whatsappId: key });
  expect(passed).toEqual(["m"]);
});
