import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World | undefined;
afterEach(() => world?.end());

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const pdf = Buffer.from("%PDF-1.4\n% a document of the tests\n%%EOF\n");
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

test.each(["october-2026", "spring-2026"] as const)(
  "text, image and document go out on the %s build",
  async (build) => {
    world = await makeWorld(build);
    const runner = await world.link();
    const text = await runner.send({ to: FRIEND, text: "hello" });
    expect(text).toMatchObject({ outcome: "sent", ack: 1, error: null });
    const image = await runner.send({
      to: FRIEND,
      type: "image",
      text: "a picture",
      media: { bytes: png, mimetype: "image/png", filename: "a.png" },
    });
    const document = await runner.send({
      to: FRIEND,
      type: "document",
      media: { bytes: pdf, mimetype: "application/pdf", filename: "a.pdf" },
    });
    expect(await world.simulator.control.sent()).toMatchObject([
      { id: text.whatsappId, to: `${FRIEND}@c.us`, type: "chat", body: "hello" },
      { id: image.whatsappId, type: "image", caption: "a picture", mediaSha256: sha256(png) },
      { id: document.whatsappId, type: "document", filename: "a.pdf", mediaSha256: sha256(pdf) },
    ]);
    const { mends } = await runner.state((state) => state.status === "connected");
    expect(mends.includes("message_key_text")).toBe(build !== "spring-2026");
  },
);

test.each(["sibling", "chat"] as const)("LIDs: %s", async (lids) => {
  world = await makeWorld();
  await world.simulator.control.configure({ lids });
  const runner = await world.link();
  const record = await runner.send({ to: FRIEND, text: "hello" });
  const [sent] = await world.simulator.control.sent();
  expect(record).toMatchObject({ outcome: "sent", whatsappId: sent!.id });
  expect(sent!.id).toContain("@lid");

  await world.simulator.control.ack("6281111111111", sent!.id, 3);
  const read = await runner.line(
    (line) => line.line === "event" && line.event.type === "message_ack" && line.event.ack === 3,
  );
  expect(read).toMatchObject({ event: { messageId: record.messageId, whatsappId: sent!.id } });
});

test("a number that was looked up in the page before is looked up again, so that the page knows its LID", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ lids: "chat" });
  const runner = await world.link();
  await control.fault({ kind: "throw", taken: false });
  expect(await runner.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "not_sent" });
  const seen = runner.states.length;
  await control.crashPage("6281111111111");
  await eventually(() => runner.states.slice(seen).map(({ status }) => status)).toContain("connecting");
  await eventually(() => runner.states.at(-1)!.status).toBe("connected");
  expect(await runner.send({ to: FRIEND, text: "hello" })).toMatchObject({ outcome: "sent", error: null });
});

test("groups, and a number that is not on WhatsApp", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  await control.addGroup("6281111111111", "120363000000000001@g.us", {
    subject: "Group",
    participants: [FRIEND],
  });
  expect(await runner.send({ to: "120363000000000001@g.us", text: "hi all" })).toMatchObject({
    outcome: "sent",
  });

  await control.unregisterNumber("6289999999999");
  for (const to of ["6289999999999", "6289999999999@c.us"]) {
    expect(await runner.send({ to, text: "hello" })).toMatchObject({
      outcome: "not_sent",
      error: { code: "not_on_whatsapp" },
    });
  }
  expect(await control.sent()).toHaveLength(1);
  expect(await (await runner.get("/numbers/6289999999999")).json()).toEqual({ exists: false, chatId: null });
  expect(await (await runner.get(`/numbers/${FRIEND}`)).json()).toEqual({
    exists: true,
    chatId: `${FRIEND}@c.us`,
  });
});

test("a number that WhatsApp knows in its other form reaches that account, once", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const [asked, known] = ["5511987654321", "551187654321"];
  await control.unregisterNumber(asked);
  const record = await runner.send({ to: asked, otherForm: known, text: "hello" });
  expect(record).toMatchObject({ outcome: "sent" });
  expect(record.whatsappId).toContain(`true_${known}@c.us_`);
  expect(await control.sent()).toMatchObject([{ to: `${known}@c.us`, body: "hello" }]);
  await control.unregisterNumber(known);
  expect(await runner.send({ to: "525512345678", otherForm: "5215512345678", text: "hello" })).toMatchObject({
    outcome: "sent",
  });
  expect((await control.sent()).at(-1)).toMatchObject({ to: "525512345678@c.us" });
  await control.unregisterNumber("5491123456789");
  await control.unregisterNumber("541123456789");
  expect(await runner.send({ to: "5491123456789", otherForm: "541123456789", text: "x" })).toMatchObject({
    error: { code: "not_on_whatsapp" },
  });
});

test("many at once: each once, and each chat's in order", async () => {
  world = await makeWorld();
  const runner = await world.link();
  const numbers = Array.from({ length: 5 }, (_, index) => `62812000000${index}`);
  const commands = Array.from({ length: 60 }, (_, index) => ({
    messageId: `many-${index}`,
    to: numbers[index % numbers.length]!,
    text: `text ${index}`,
  }));
  const records = await Promise.all(
    commands.map((command) => runner.send({ ...command, timeoutMs: 20_000 })),
  );
  expect(new Set(records.map(({ outcome }) => outcome))).toEqual(new Set(["sent"]));
  const sent = await world.simulator.control.sent();
  expect(sent).toHaveLength(60);
  for (const number of numbers) {
    const bodies = sent.filter(({ to }) => to === `${number}@c.us`).map(({ body }) => body);
    expect(bodies).toEqual(commands.filter(({ to }) => to === number).map(({ text }) => text));
  }
});

test("media that WhatsApp does not take is not sent", async () => {
  world = await makeWorld();
  await world.simulator.control.configure({ uploadsFail: true });
  const runner = await world.link();
  const media = { bytes: png, mimetype: "image/png", filename: "a.png" };
  expect(await runner.send({ to: FRIEND, type: "image", media })).toMatchObject({
    outcome: "not_sent",
    error: { code: "invalid_media" },
  });
});

test("a message that comes in is told once, also one that came while the runner was down", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const first = await world.link();
  await control.deliver("6281111111111", { from: FRIEND, body: "live" });
  const live = await first.line((line) => line.line === "event" && line.event.type === "message_received");
  expect(live).toMatchObject({ event: { from: `${FRIEND}@c.us`, kind: "chat", body: "live" } });
  await first.stop();

  await control.deliver("6281111111111", { from: FRIEND, body: "meanwhile" });
  const second = await world.start();
  await second.line(
    (line) =>
      line.line === "event" && line.event.type === "message_received" && line.event.body === "meanwhile",
  );
  await control.deliver("6281111111111", { from: FRIEND, body: "last" });
  await second.line(
    (line) => line.line === "event" && line.event.type === "message_received" && line.event.body === "last",
  );
  const bodies = second.lines.flatMap((line) =>
    line.line === "event" && line.event.type === "message_received" ? [line.event.body] : [],
  );
  expect(bodies).toEqual(["live", "meanwhile", "last"]);
});
