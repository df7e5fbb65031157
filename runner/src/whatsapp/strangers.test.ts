import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StreamLine } from "@whatsapp-engine/contract/runner";
import { eventually } from "../test-support/eventually.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

const HALF = "\ud83d";
const LONG = 100_000;

let world: World;
let runner: RunnerUnderTest;
beforeAll(async () => {
  world = await makeWorld();
  runner = await world.link();
});
afterAll(() => world.end());

const deliver = async (inbound: Partial<Parameters<World["simulator"]["control"]["deliver"]>[1]>) =>
  (await world.simulator.control.deliver(ACCOUNT, { from: FRIEND, ...inbound })).id;
const received = (whatsappId: string) =>
  runner.lines.flatMap((line) =>
    line.line === "event" && line.event.type === "message_received" && line.event.whatsappId === whatsappId
      ? [line.event]
      : [],
  );
/** It sends and hears still, and nothing that it told is beyond what can be read. */
const isWell = async (): Promise<void> => {
  const id = await deliver({ body: "and now?" });
  await eventually(() => received(id)).toHaveLength(1);
  expect(await runner.send({ to: FRIEND, text: "all is well" })).toMatchObject({ outcome: "sent" });
};

const file = { base64: Buffer.from("a file").toString("base64"), mimetype: "application/pdf" };

test.each<[string, unknown, unknown, string]>([
  ["mimetype", "a".repeat(91), null, "application/octet-stream"],
  ["mimetype", `text/plain${"; a=b".repeat(LONG)}`, null, "application/octet-stream"],
  ["mimetype", "text/plain\r\nx-a: b", null, "application/octet-stream"],
  ["mimetype", "audio/ogg; codecs=opus", "audio/ogg; codecs=opus", "audio/ogg; codecs=opus"],
  ["filename", `${HALF}.pdf`, "\ufffd.pdf", "application/pdf"],
  ["filename", "x".repeat(LONG), "x".repeat(255), "application/pdf"],
  ["filename", { a: 1 }, null, "application/pdf"],
])("a file whose %s is odd is told, and fetched (%#)", async (field, odd, told, type) => {
  const id = await deliver({ type: "document", media: file, odd: { [field]: odd } });
  await eventually(() => received(id)).toEqual([expect.objectContaining({ hasMedia: true, [field]: told })]);
  const answer = await runner.get(`/messages/${id}/media`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe(type);
  expect(await answer.text()).toBe("a file");
  await isWell();
});

test.each<[string, object, object]>([
  ["body", { body: 7 }, { body: "" }],
  ["body", { body: `a${HALF}` }, { body: "a\ufffd" }],
  ["body", { body: "x".repeat(1_000_000) }, { body: "x".repeat(262_144) }],
  ["type", { type: "x".repeat(LONG) }, { kind: "x".repeat(64) }],
  ["type", { type: null }, { kind: "unknown" }],
  ["notifyName", { notifyName: ["Ani"] }, { pushName: null }],
  ["notifyName", { notifyName: "x".repeat(LONG) }, { pushName: "x".repeat(255) }],
  ["t", { t: 1e300 }, { timestamp: "9999-12-31T23:59:59.999Z" }],
  ["t", { t: -1 }, { timestamp: "1970-01-01T00:00:00.000Z" }],
  ["t", { t: "now" }, {}],
  ["t", { t: null }, {}],
  ["from", { from: { user: "x" } }, { from: `${FRIEND}@c.us` }],
  ["quotedStanzaID", { quotedStanzaID: { a: 1 } }, { quotedId: null }],
  ["quotedStanzaID", { quotedStanzaID: "x".repeat(LONG) }, { quotedId: null }],
  ["lat", { type: "location", lat: 1e9, lng: 0 }, { location: null }],
  ["loc", { type: "location", loc: ["here"] }, { body: "" }],
  ["vcardList", { type: "multi_vcard", vcardList: "none" }, { body: "" }],
  ["vcardList", { type: "multi_vcard", vcardList: [null, { vcard: 1 }, { vcard: "BEGIN" }] }, {}],
])("a message whose %s is odd is told (%#)", async (_, odd, told) => {
  const id = await deliver({ body: "hello", odd: odd as Record<string, unknown> });
  await eventually(() => received(id)).toEqual([expect.objectContaining(told)]);
  await isWell();
});

test("an id of any length and letters is no reason to lose a message", async () => {
  await deliver({ body: "long", id: "A".repeat(LONG) });
  await deliver({ body: "half", id: `3A${HALF}` });
  await isWell();
  const bodies = runner.lines.flatMap((line) =>
    line.line === "event" && line.event.type === "message_received" ? [line.event.body] : [],
  );
  expect(bodies).toContain("long");
  expect(bodies).toContain("half");
});

test("people and groups of any name are told", async () => {
  const { control } = world.simulator;
  const long = `${"x".repeat(LONG)}${HALF}`;
  await control.addContacts(ACCOUNT, [{ phoneNumber: "6289900000001", name: long, pushName: long }]);
  const id = "120363000000000009@g.us";
  await control.addGroup(ACCOUNT, id, { subject: long, description: long, participants: [FRIEND] });
  const { contacts } = (await (await runner.get("/contacts")).json()) as { contacts: { name: string }[] };
  expect(contacts.map(({ name }) => name)).toContain("x".repeat(255));
  const { groups } = (await (await runner.get("/groups")).json()) as { groups: object[] };
  expect(groups).toEqual([
    expect.objectContaining({ id, name: "x".repeat(255), description: "x".repeat(4_096) }),
  ]);
});

const unread = () => runner.states.at(-1)!.unreadLines;

test("an acknowledgement that is not known is kept aside, and those after it are told", async () => {
  const { whatsappId } = await runner.send({ to: FRIEND, text: "how far is it?" });
  const acks = () =>
    runner.lines.flatMap((line: StreamLine) =>
      line.line === "event" && line.event.type === "message_ack" && line.event.whatsappId === whatsappId
        ? [line.event.ack]
        : [],
    );
  await world.simulator.control.ack(ACCOUNT, whatsappId!, 5);
  await eventually(unread).toBe(1);
  await world.simulator.control.ack(ACCOUNT, whatsappId!, 3);
  await eventually(acks).toEqual([3]);
  const [kept] = (await readFile(join(world.profileDir, "unread.ndjson"), "utf8")).trim().split("\n");
  expect(JSON.parse(kept!)).toMatchObject({ from: "page", why: expect.stringContaining("ack") });
  await isWell();
});

test("another start reads all of it back, and tells nothing twice", async () => {
  const before = runner.lines.filter(({ line }) => line === "event").length;
  await runner.stop();
  // As a newer runner may have left it.
  const path = join(world.profileDir, "journal.ndjson");
  const journal = await readFile(path, "utf8");
  const newer = {
    seq: 1_000_000,
    at: new Date().toISOString(),
    kind: "event",
    event: { type: "of_tomorrow" },
  };
  await writeFile(path, `${journal}${JSON.stringify(newer)}\n`);

  runner = await world.start();
  await runner.state(({ status }) => status === "connected");
  await isWell();
  expect(unread()).toBe(2);
  // What came in before, of which one hears again all, the line of a message and the one of its send apart.
  const events = runner.lines.filter(({ line }) => line === "event").length;
  expect(events - before).toBeLessThanOrEqual(2);
});
