import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import wwebjs from "whatsapp-web.js";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, MessageMedia, type Bench, type Client } from "./test-client.ts";

const { Location, Poll } = wwebjs;
const PHONE = "6281234567890";
const FRIEND = "6281200000001@c.us";

describe("what the library itself can do on the page", () => {
  let simulator: Simulator;
  let bench: Bench;
  let client: Client;

  beforeAll(async () => {
    simulator = await startSimulator({ build: "spring-2026" });
    bench = createBench(simulator);
    ({ client } = await bench.link(PHONE));
  });
  afterAll(() => bench.close());

  const last = async () => (await simulator.control.sent(PHONE)).at(-1);
  const deliver = async (inbound: Omit<Parameters<Simulator["control"]["deliver"]>[1], "from">) => {
    const received = once(client, "message");
    const { id } = await simulator.control.deliver(PHONE, { from: FRIEND, ...inbound });
    const [message] = (await received) as [wwebjs.Message];
    return { id, message };
  };

  it("sends a place, a poll, a reply with mentions", async () => {
    const place = new Location(-6.2, 106.8, { name: "Monas", address: "Jakarta" });
    await client.sendMessage(FRIEND, place);
    expect(await last()).toMatchObject({
      type: "location",
      location: { latitude: -6.2, longitude: 106.8, name: "Monas", address: "Jakarta" },
    });

    const poll = new Poll("Lunch?", ["Soto", "Gado-gado"], {
      allowMultipleAnswers: true,
      messageSecret: undefined,
    });
    const sent = await client.sendMessage(FRIEND, poll);
    expect(sent).toMatchObject({ type: "poll_creation", pollName: "Lunch?" });
    expect(await last()).toMatchObject({
      poll: { question: "Lunch?", options: ["Soto", "Gado-gado"], multiple: true },
    });

    const { id } = await deliver({ body: "A question" });
    await client.sendMessage(FRIEND, "Hello @6281200000001", { quotedMessageId: id, mentions: [FRIEND] });
    expect(await last()).toMatchObject({ body: "Hello @6281200000001", quotedId: id, mentions: [FRIEND] });
  });

  it("sends a sticker and a voice note byte for byte", async () => {
    for (const [mimetype, type, options] of [
      ["image/webp", "sticker", { sendMediaAsSticker: true }],
      ["audio/ogg; codecs=opus", "ptt", { sendAudioAsVoice: true }],
    ] as const) {
      const bytes = randomBytes(5_000);
      const media = new MessageMedia(mimetype, bytes.toString("base64"), "file");
      await client.sendMessage(FRIEND, media, options);
      expect(await last()).toMatchObject({ type, mediaSize: bytes.length, mimetype });
    }
  });

  it("tells of reactions, and reacts", async () => {
    const { id, message } = await deliver({ body: "Like me" });
    const heard = once(client, "message_reaction");
    await simulator.control.react(PHONE, id, { from: FRIEND, emoji: "👍" });
    expect(await heard).toMatchObject([
      { reaction: "👍", senderId: FRIEND, msgId: { _serialized: id }, id: { fromMe: false } },
    ]);

    await message.react("❤️");
    expect(await simulator.control.reactions(PHONE, id)).toEqual([
      { from: FRIEND, emoji: "👍" },
      { from: `${PHONE}@c.us`, emoji: "❤️" },
    ]);
    await message.react("");
    expect(await simulator.control.reactions(PHONE, id)).toEqual([{ from: FRIEND, emoji: "👍" }]);
    await message.reload();
    const [shown] = await message.getReactions();
    expect(shown?.senders).toMatchObject([{ reaction: "👍", senderId: FRIEND }]);

    await simulator.control.configure({ actions: "refuse" });
    await expect(message.react("👎")).rejects.toThrow("Reaction send error");
    await simulator.control.configure({ actions: "take" });
  });

  it("tells of edits, and edits for a quarter of an hour", async () => {
    const { id } = await deliver({ body: "befor" });
    const heard = once(client, "message_edit");
    await simulator.control.edit(PHONE, id, "before");
    expect(await heard).toMatchObject([{ id: { _serialized: id }, body: "before" }, "before", "befor"]);

    const sent = await client.sendMessage(FRIEND, "wrogn");
    expect(await sent.edit("wrong")).toMatchObject({ body: "wrong" });
    expect(await last()).toMatchObject({ id: sent.id._serialized, body: "wrong", edited: true });
    await simulator.control.age(PHONE, sent.id._serialized, 16 * 60);
    const inPage = () => client.getMessageById(sent.id._serialized);
    await expect.poll(async () => (await inPage()).timestamp).toBeLessThan(sent.timestamp);
    expect(await sent.edit("right")).toBeNull();
    expect(await last()).toMatchObject({ body: "wrong" });
  });

  it("tells of deletions, and deletes for everyone", async () => {
    const { id } = await deliver({ body: "a secret" });
    const heard = once(client, "message_revoke_everyone");
    await simulator.control.revoke(PHONE, id);
    // As on WhatsApp, what is left has a key of its own and names the one it had.
    const [left] = (await heard) as [wwebjs.Message & { protocolMessageKey: { _serialized: string } }];
    expect(left.protocolMessageKey._serialized).toBe(id);
    expect(left.id._serialized).not.toBe(id);
    expect(await client.getMessageById(id)).toBeNull();

    const { id: theirs, message } = await deliver({ body: "not mine to delete" });
    await message.delete(true);
    await expect.poll(() => client.getMessageById(theirs)).toBeNull(); // gone on this side alone

    const sent = await client.sendMessage(FRIEND, "a mistake");
    const revoked = once(client, "message_revoke_everyone");
    await sent.delete(true);
    await revoked;
    expect(await last()).toMatchObject({ id: sent.id._serialized, revoked: true });
  });

  it("rings, and leaves an entry in the chat", async () => {
    const ringing = once(client, "call");
    const entry = once(client, "message");
    const { id } = await simulator.control.call(PHONE, { from: FRIEND, isVideo: true });
    expect(await ringing).toMatchObject([{ id, from: FRIEND, isVideo: true, fromMe: false }]);
    expect(await entry).toMatchObject([{ type: "call_log", id: { id }, from: FRIEND }]);
  });

  it("forgets media", async () => {
    const media = { base64: Buffer.from("bytes").toString("base64"), mimetype: "text/plain" };
    const { id, message } = await deliver({ media });
    expect(await message.downloadMedia()).toBeDefined();
    await simulator.control.expireMedia(PHONE, id);
    expect(await message.downloadMedia()).toBeUndefined();
  });
});
