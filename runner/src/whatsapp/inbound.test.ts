import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { InboundEvent } from "@whatsapp-engine/contract/runner";
import { eventually } from "../test-support/eventually.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { sha256 } from "../test-support/kinds.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const CHAT = `${FRIEND}@c.us`;
const GROUP = "120363000000000001@g.us";

/** All that came in, as the journal tells it from its start. */
const told = (runner: RunnerUnderTest): InboundEvent[] =>
  runner.lines.flatMap((line) =>
    line.line === "event" && line.event.type !== "message_ack" && line.event.type !== "send_settled"
      ? [line.event]
      : [],
  );
const until = (runner: RunnerUnderTest, type: InboundEvent["type"], fits: object = {}) =>
  eventually(() => told(runner)).toContainEqual(expect.objectContaining({ type, ...fits }));
const deliver = async (inbound: Partial<Parameters<World["simulator"]["control"]["deliver"]>[1]>) =>
  (await world.simulator.control.deliver(ACCOUNT, { from: FRIEND, ...inbound })).id;

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
const plain = {
  type: "message_received",
  chatId: CHAT,
  from: CHAT,
  author: null,
  phoneNumber: FRIEND,
  pushName: null,
  isGroup: false,
  kind: "chat",
  hasMedia: false,
  mimetype: null,
  filename: null,
  quotedId: null,
  location: null,
  timestamp: isoTime,
};

test.each(["october-2026", "spring-2026"] as const)(
  "messages of all kinds are told whole: %s build",
  async (build) => {
    world = await makeWorld(build);
    const runner = await world.link();
    await world.simulator.control.addGroup(ACCOUNT, GROUP, { subject: "Group", participants: [FRIEND] });
    const { whatsappId: question } = await runner.send({ to: FRIEND, text: "a question" });

    const text = await deliver({ body: "an answer", quotedId: question!, pushName: "Ani" });
    const inGroup = await deliver({ from: GROUP, author: FRIEND, body: "hello all" });
    const reply = await deliver({ from: GROUP, author: FRIEND, body: "and again", quotedId: inGroup });
    const base64 = Buffer.from("a file").toString("base64");
    const media = { base64, mimetype: "application/pdf", filename: "a.pdf" };
    const document = await deliver({ type: "document", media, caption: "see" });
    const place = await deliver({
      type: "location",
      body: "/9j/base64-of-a-map",
      content: { lat: -6.2, lng: 106.8, loc: "Monas\nJakarta" },
    });
    const card = await deliver({ type: "vcard", body: "BEGIN:VCARD\nFN:Budi\nEND:VCARD" });
    const poll = await deliver({
      type: "poll_creation",
      content: { pollName: "Lunch?", pollOptions: [{ name: "Soto", localId: 0 }] },
    });
    await until(runner, "message_received", { whatsappId: poll });
    const group = { ...plain, chatId: GROUP, from: GROUP, author: CHAT, isGroup: true };
    expect(told(runner)).toEqual([
      { ...plain, whatsappId: text, body: "an answer", quotedId: question, pushName: "Ani" },
      { ...group, whatsappId: inGroup, body: "hello all" },
      { ...group, whatsappId: reply, body: "and again", quotedId: inGroup },
      {
        ...plain,
        whatsappId: document,
        kind: "document",
        body: "see",
        hasMedia: true,
        mimetype: "application/pdf",
        filename: "a.pdf",
      },
      {
        ...plain,
        whatsappId: place,
        kind: "location",
        body: "Monas\nJakarta",
        location: { latitude: -6.2, longitude: 106.8 },
      },
      { ...plain, whatsappId: card, kind: "vcard", body: "BEGIN:VCARD\nFN:Budi\nEND:VCARD" },
      { ...plain, whatsappId: poll, kind: "poll_creation", body: "Lunch?" },
    ]);
  },
);

test.each(["october-2026", "spring-2026"] as const)(
  "reactions, edits, revocations and calls: %s build",
  async (build) => {
    world = await makeWorld(build);
    const { control } = world.simulator;
    const runner = await world.link();
    const ours = await runner.send({ to: FRIEND, text: "ours" });
    const id = await deliver({ body: "befor" });
    const secret = await deliver({ from: FRIEND, body: "a secret" });

    await control.react(ACCOUNT, ours.whatsappId!, { from: FRIEND, emoji: "👍" });
    await control.react(ACCOUNT, ours.whatsappId!, { from: FRIEND, emoji: "" });
    await control.react(ACCOUNT, id, { from: ACCOUNT, emoji: "❤️" }); // our own, on the phone
    await control.edit(ACCOUNT, id, "before");
    await control.edit(ACCOUNT, ours.whatsappId!, "edited on our phone");
    await control.revoke(ACCOUNT, secret);
    await control.revoke(ACCOUNT, ours.whatsappId!);
    const { id: callId } = await control.call(ACCOUNT, { from: FRIEND, isVideo: true });
    await until(runner, "call_received");
    await deliver({ body: "last" });
    await until(runner, "message_received", { body: "last" });

    const about = { chatId: CHAT, from: CHAT, phoneNumber: FRIEND, timestamp: isoTime };
    const reaction = { type: "message_reaction", whatsappId: ours.whatsappId, messageId: ours.messageId };
    expect(told(runner)).toEqual([
      { ...plain, whatsappId: id, body: "befor" },
      { ...plain, whatsappId: secret, body: "a secret" },
      { ...reaction, ...about, emoji: "👍" },
      { ...reaction, ...about, emoji: "" },
      { type: "message_edited", ...about, author: null, whatsappId: id, body: "before" },
      { type: "message_revoked", ...about, author: null, whatsappId: secret },
      {
        type: "call_received",
        callId,
        from: CHAT,
        phoneNumber: FRIEND,
        isVideo: true,
        isGroup: false,
        timestamp: isoTime,
      },
      expect.objectContaining({ type: "message_received", body: "last" }),
    ]);
  },
);

/** What counts as the same thing told twice. */
const inShort = (event: InboundEvent): string => {
  const { type } = event;
  if (type === "call_received") return `${type} ${event.callId}`;
  const what = type === "message_reaction" ? event.emoji : "body" in event ? event.body : "";
  return `${type} ${event.whatsappId} ${what}`;
};

test.each(["october-2026", "spring-2026"] as const)(
  "what came while the runner was down is told once: %s build",
  async (build) => {
    world = await makeWorld(build);
    const { control } = world.simulator;
    await (await world.link()).stop(); // so that the login is on the disk
    const first = await world.start();
    await first.state(({ status }) => status === "connected");
    const ours = await first.send({ to: FRIEND, text: "ours" });
    const known = await deliver({ body: "known" });
    const doomed = await deliver({ body: "doomed" });
    await control.react(ACCOUNT, known, { from: FRIEND, emoji: "👀" });
    await until(first, "message_reaction");
    await first.kill();

    // More than a page of WhatsApp Web loads at once, and than it loads when asked for more.
    const bodies = Array.from({ length: 60 }, (_, index) => `meanwhile ${index}`);
    for (const body of bodies) await deliver({ body });
    const fixed = await deliver({ body: "wrogn" });
    await control.edit(ACCOUNT, fixed, "wrong");
    await control.edit(ACCOUNT, known, "known better");
    await control.revoke(ACCOUNT, doomed);
    await control.react(ACCOUNT, ours.whatsappId!, { from: FRIEND, emoji: "👍" });
    const { id: callId } = await control.call(ACCOUNT, { from: FRIEND });

    const second = await world.start();
    await until(second, "call_received");
    await deliver({ body: "live again" });
    await until(second, "message_received", { body: "live again" });
    const once = told(second).map(inShort);
    expect(new Set(once).size).toBe(once.length);
    expect(told(second).flatMap((event) => (event.type === "message_received" ? [event.body] : []))).toEqual([
      "known",
      "doomed",
      ...bodies,
      "wrong",
      "live again",
    ]);
    expect(once).toEqual(
      expect.arrayContaining([
        `message_edited ${fixed} wrong`,
        `message_edited ${known} known better`,
        `message_revoked ${doomed} `,
        `message_reaction ${ours.whatsappId} 👍`,
        `call_received ${callId}`,
      ]),
    );
    expect(
      told(second).find((event) => event.type === "message_reaction" && event.emoji === "👍"),
    ).toMatchObject({ messageId: ours.messageId, from: CHAT });
    await second.stop();

    const third = await world.start();
    await third.state(({ status }) => status === "connected");
    await deliver({ body: "the last" });
    await until(third, "message_received", { body: "the last" });
    expect(told(third).map(inShort)).toEqual([...once, expect.stringContaining("the last")]);
  },
);

test("the file of a message from long ago, which the page has to read from its disk, is handed out", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const first = await world.link();
  const bytes = randomBytes(10_000);
  const media = { base64: bytes.toString("base64"), mimetype: "image/jpeg" };
  const id = await deliver({ type: "image", media });
  // The page holds the newest of each chat, and the runner reads back to what it knows.
  const old = [id];
  for (let n = 0; n < 40; n++) old.push(await deliver({ body: `since then ${n}` }));
  for (const one of old) await control.age(ACCOUNT, one, 24 * 60 * 60);
  for (let n = 0; n < 20; n++) await deliver({ body: `today ${n}` });
  await until(first, "message_received", { body: "today 19" });
  await first.stop();
  const second = await world.start();
  await second.state(({ status }) => status === "connected");
  const answer = await second.get(`/messages/${encodeURIComponent(id)}/media`);
  expect(answer.status).toBe(200);
  expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(sha256(bytes));
  expect(await control.linkedDevices(ACCOUNT)).toBe(1);
});

test("a call while the connection was down is told from its entry in the chat", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  await control.drop(ACCOUNT);
  const { id } = await control.call(ACCOUNT, { from: FRIEND });
  await control.restore(ACCOUNT);
  await until(runner, "call_received", { callId: id, isVideo: false });
  expect(told(runner)).toHaveLength(1);
});

test("who wrote is told by number, where chats stand under LIDs", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ lids: "chat" });
  const first = await world.link();
  const id = await deliver({ body: "by LID" });
  await control.react(ACCOUNT, id, { from: FRIEND, emoji: "👍" });
  await until(first, "message_reaction", { phoneNumber: FRIEND, from: expect.stringMatching(/@lid$/) });
  expect(told(first)[0]).toMatchObject({
    whatsappId: id,
    chatId: expect.stringMatching(/^\d+@lid$/),
    phoneNumber: FRIEND,
  });
  await first.stop();
  await deliver({ body: "meanwhile" });
  const second = await world.start();
  await until(second, "message_received", { body: "meanwhile", phoneNumber: FRIEND });
  expect(told(second)).toHaveLength(3);
});

test("the account's own messages, and what is no message, are told to nobody", async () => {
  world = await makeWorld();
  const runner = await world.link();
  await deliver({ body: "from my phone", fromPhone: true });
  await deliver({ type: "e2e_notification", body: "" });
  await deliver({ from: "status@broadcast", author: FRIEND, body: "a post to everyone" });
  await deliver({ body: "a message" });
  await until(runner, "message_received");
  expect(told(runner)).toMatchObject([{ body: "a message", from: CHAT }]);
});
