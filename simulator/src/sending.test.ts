import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSimulator, type Simulator } from "./simulator.ts";
import type { Build } from "./builds.ts";
import { ackOf, createBench, MessageMedia, type Bench, type Client } from "./test-client.ts";

const PHONE = "6281234567890";
const FRIEND = "6281200000001@c.us";
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

const sendingOn = (build: Build) => {
  let simulator: Simulator;
  let bench: Bench;
  let client: Client;

  beforeAll(async () => {
    simulator = await startSimulator({ build });
    bench = createBench(simulator);
    ({ client } = await bench.link(PHONE));
  });
  afterAll(() => bench.close());
  return {
    client: () => client,
    control: () => simulator.control,
    last: async () => (await simulator.control.sent(PHONE)).at(-1),
  };
};

describe("sending on a build before 2.3000.1042401057", () => {
  const { client, control, last } = sendingOn("spring-2026");

  it("returns the message, and the server acknowledges it", async () => {
    const acked = ackOf(client(), "Hello", 1);
    const message = await client().sendMessage(FRIEND, "Hello");

    expect(message).toMatchObject({ ack: 0, body: "Hello", to: FRIEND, fromMe: true });
    await acked;
    expect(await last()).toMatchObject({
      id: message.id._serialized,
      to: FRIEND,
      type: "chat",
      body: "Hello",
    });
  });

  it("acknowledges delivery and reading when told to", async () => {
    const { id } = await client().sendMessage(FRIEND, "Read me");
    for (const level of [2, 3]) {
      const acked = ackOf(client(), "Read me", level);
      await control().ack(PHONE, id._serialized, level);
      await acked;
    }
  });

  it.each([
    { mimetype: "image/png", filename: "picture.png", type: "image" },
    { mimetype: "application/pdf", filename: "paper.pdf", type: "document" },
  ])("takes a $type byte for byte", async ({ mimetype, filename, type }) => {
    const bytes = randomBytes(200_000);
    const media = new MessageMedia(mimetype, bytes.toString("base64"), filename);
    const message = await client().sendMessage(FRIEND, media, { caption: "See" });

    expect(message).toMatchObject({ type, hasMedia: true, body: "See" });
    expect(await last()).toMatchObject({
      type,
      caption: "See",
      mimetype,
      filename,
      mediaSha256: sha256(bytes),
      mediaSize: bytes.length,
    });
    expect(Buffer.from((await message.downloadMedia()).data, "base64").equals(bytes)).toBe(true);
  });

  it("sends to the account's own chat and to groups", async () => {
    const own = await client().sendMessage(`${PHONE}@c.us`, "Note");
    expect(own.id._serialized).toMatch(new RegExp(`^true_${PHONE}@c.us_3EB0[0-9A-F]{18}_out$`));

    const group = "120363000000000001@g.us";
    await control().addGroup(PHONE, group, { subject: "Team", participants: [FRIEND] });
    const message = await client().sendMessage(group, "All");
    expect(message.id._serialized).toMatch(new RegExp(`^true_${group}_3EB0[0-9A-F]{18}_${PHONE}@c.us$`));
    expect((await client().getChatById(group)).name).toBe("Team");
  });

  it("knows who is not on WhatsApp", async () => {
    await control().unregisterNumber("+62 812 0000 0009");
    expect(await client().getNumberId("6281200000009")).toBeNull();
    await expect(client().sendMessage("6281200000009@c.us", "Anybody?")).rejects.toThrow("No LID for user");
  });

  it("puts messages under the sibling id where LIDs are set so", async () => {
    await control().configure({ lids: "sibling" });
    const created = once(client(), "message_create");
    expect(await client().sendMessage("6281200000002@c.us", "Sibling")).toBeUndefined();

    const [{ id }] = (await created) as [{ id: { remote: string } }];
    expect(id.remote).toMatch(/@lid$/);
    expect(await last()).toMatchObject({ to: "6281200000002@c.us", body: "Sibling" });
  });

  it("addresses chats by LID where set so", async () => {
    await control().configure({ lids: "chat" });
    await client().getNumberId("6281200000003"); // tells the page the LID
    const message = await client().sendMessage("6281200000003@c.us", "By LID");
    await control().configure({ lids: "off" });

    expect(message.id.remote).toMatch(/@lid$/);
    expect(message.from).toMatch(/@lid$/);
    expect(await last()).toMatchObject({ id: message.id._serialized, to: "6281200000003@c.us" });
  });
});

describe("sending on a build from 2.3000.1042401057 on", () => {
  const { client, last } = sendingOn("july-2026");

  it("answers undefined though the message goes out, and its key has no `_serialized`", async () => {
    const created = once(client(), "message_create");
    expect(await client().sendMessage(FRIEND, "Hello")).toBeUndefined();

    const [{ id }] = (await created) as [{ id: Record<string, string> }];
    expect(id["_serialized"]).toBeUndefined();
    expect(await last()).toMatchObject({ id: id["$1"], body: "Hello" });
  });

  it("breaks the library's list of chats", async () => {
    await expect(client().getChats()).rejects.toThrow("No key or key range specified.");
  });
});
