import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { act, ani, budi, file, media, place, poll, sha256, type Kind } from "../test-support/kinds.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

test("large files that go out at once arrive whole, each in its chat, and nothing of them stays", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const chats = [FRIEND, "6281200000005", "6281200000006"];
  const files = chats.map((_, n) => ({ ...media.document, bytes: randomBytes(4_000_000 + n) }));
  const records = await Promise.all(
    files.map((sent, n) => runner.send({ to: chats[n]!, type: "document", media: sent })),
  );
  expect(records).toMatchObject([{ outcome: "sent" }, { outcome: "sent" }, { outcome: "sent" }]);
  const sent = await control.sent();
  for (const [n, { whatsappId }] of records.entries()) {
    expect(sent.find(({ id }) => id === whatsappId)).toMatchObject({
      to: expect.stringContaining(chats[n]!),
      mediaSha256: sha256(files[n]!.bytes),
      mimetype: "application/zip",
      filename: "a.zip",
    });
  }
  expect(await readdir(join(world.profileDir, "outgoing"))).toEqual([]);
});

test("a file that cannot be handed to the page is not sent, and the error says so", async () => {
  world = await makeWorld();
  const runner = await world.link();
  await rm(join(world.profileDir, "outgoing"), { recursive: true });
  const record = await runner.send({ to: FRIEND, type: "image", media: media.image });
  expect(record).toMatchObject({ outcome: "not_sent", error: { code: "rejected" } });
  expect(record.error?.message).toContain("ENOENT");
  expect(await runner.send({ to: FRIEND, text: "still here" })).toMatchObject({ outcome: "sent" });
});

test("what cannot be sent is not sent, and the error says why", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const quotedId = `false_${FRIEND}@c.us_3ANOBODYKNOWSTHIS`;
  const reply = await runner.send({
    to: FRIEND,
    type: "sticker",
    media: media.sticker,
    content: { quotedId },
  });
  expect(reply).toMatchObject({ outcome: "not_sent", whatsappId: null, error: { code: "rejected" } });
  expect(reply.error?.message).toContain("quotedId");

  const { id } = await control.deliver(ACCOUNT, { from: FRIEND, body: "never mind" });
  await control.revoke(ACCOUNT, id);
  expect(await runner.send({ to: FRIEND, text: "what?", content: { quotedId: id } })).toMatchObject({
    outcome: "not_sent",
    error: { code: "rejected" },
  });
  const { id: callId } = await control.call(ACCOUNT, { from: FRIEND });
  const call = await runner.send({
    to: FRIEND,
    text: "sorry",
    content: { quotedId: `false_${FRIEND}@c.us_${callId}` },
  });
  expect(call).toMatchObject({ outcome: "not_sent", error: { code: "rejected" } });
  expect(call.error?.message).toContain("cannot be answered");
  const text = file("text/plain", "a.txt");
  expect(await runner.send({ to: FRIEND, type: "sticker", media: text })).toMatchObject({
    outcome: "not_sent",
    error: { code: "invalid_media" },
  });
  await control.configure({ uploadsFail: true });
  for (const type of ["sticker", "voice", "video"] as const) {
    expect(await runner.send({ to: FRIEND, type, media: media[type] })).toMatchObject({
      outcome: "not_sent",
      error: { code: "invalid_media" },
    });
  }
  expect(await control.sent()).toEqual([]);
});

test("a reply whose message is deleted at that moment is a reply or is not sent", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  for (let n = 0; n < 60; n++) {
    const { id } = await control.deliver(ACCOUNT, { from: FRIEND, body: `never mind ${n}` });
    await runner.line(
      (line) =>
        line.line === "event" && line.event.type === "message_received" && line.event.whatsappId === id,
    );
    const sending = runner.send({ to: FRIEND, text: "what?", content: { quotedId: id } });
    await delay(n / 4); // a send takes some milliseconds; one of these falls between the look and the reply
    await control.revoke(ACCOUNT, id);
    const { outcome, error } = await sending;
    expect([outcome, error?.code]).toEqual(
      outcome === "sent" ? ["sent", undefined] : ["not_sent", "rejected"],
    );
  }
  for (const sent of await control.sent()) expect(sent).toMatchObject({ quotedId: expect.any(String) });
});

test("a kind's outcome is what happened, whatever the library says", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const send = (kind: Kind) => runner.send({ to: FRIEND, ...kind });
  await control.fault({ kind: "throw", taken: true });
  expect(await send({ type: "poll", content: { poll } })).toMatchObject({ outcome: "sent" });
  await control.fault({ kind: "strand" });
  expect(await send({ type: "location", content: { location: place } })).toMatchObject({
    outcome: "unknown",
  });
  await control.fault({ kind: "refuse" });
  expect(await send({ type: "contact", content: { contacts: [ani, budi] } })).toMatchObject({
    outcome: "not_sent",
    ack: -1,
  });
  expect(await control.sent()).toHaveLength(1);
});

test.each(["october-2026", "spring-2026"] as const)("reacts, edits and deletes: %s build", async (build) => {
  world = await makeWorld(build);
  const { control } = world.simulator;
  const runner = await world.link();
  const { id } = await control.deliver(ACCOUNT, { from: FRIEND, body: "hello" });
  expect(await act(runner, id, "react", { emoji: "👍🏽" })).toEqual({ outcome: "done", detail: null });
  expect(await control.reactions(ACCOUNT, id)).toEqual([{ from: `${ACCOUNT}@c.us`, emoji: "👍🏽" }]);
  expect(await act(runner, id, "react", { emoji: "" })).toMatchObject({ outcome: "done" });
  expect(await control.reactions(ACCOUNT, id)).toEqual([]);

  const { whatsappId } = await runner.send({ to: FRIEND, text: "wrogn" });
  expect(await act(runner, whatsappId!, "edit", { text: "wrong" })).toMatchObject({ outcome: "done" });
  const video = await runner.send({ to: FRIEND, type: "video", media: media.video, text: "se" });
  expect(await act(runner, video.whatsappId!, "edit", { text: "see" })).toMatchObject({ outcome: "done" });
  expect(await control.sent()).toMatchObject([
    { id: whatsappId, body: "wrong", edited: true },
    { id: video.whatsappId, caption: "see", edited: true },
  ]);
  expect(await act(runner, whatsappId!, "delete")).toMatchObject({ outcome: "done" });
  expect(await control.sent()).toMatchObject([
    { id: whatsappId, revoked: true },
    { id: video.whatsappId, revoked: false },
  ]);
});

test("what WhatsApp does not let be done is refused, and nothing is done instead", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const { whatsappId } = await runner.send({ to: FRIEND, text: "old" });
  const { id: theirs } = await control.deliver(ACCOUNT, { from: FRIEND, body: "theirs" });
  const nobodys = `true_${FRIEND}@c.us_3EB0NOBODYKNOWSIT`;
  for (const [what, body] of [
    ["react", { emoji: "👍" }],
    ["edit", { text: "x" }],
    ["delete", undefined],
  ] as const) {
    expect(await act(runner, nobodys, what, body)).toMatchObject({ outcome: "not_found" });
  }
  expect(await act(runner, theirs, "edit", { text: "x" })).toMatchObject({ outcome: "refused" });
  // The library would delete it on this side alone.
  expect(await act(runner, theirs, "delete")).toMatchObject({ outcome: "refused" });
  expect(
    await runner.send({ to: FRIEND, text: "still there?", content: { quotedId: theirs } }),
  ).toMatchObject({
    outcome: "sent",
  });

  await control.age(ACCOUNT, whatsappId!, 16 * 60);
  expect(await act(runner, whatsappId!, "edit", { text: "new" })).toMatchObject({
    outcome: "refused",
    detail: expect.stringContaining("15 minutes"),
  });
  await control.age(ACCOUNT, whatsappId!, 60 * 60 * 60);
  expect(await act(runner, whatsappId!, "delete")).toMatchObject({ outcome: "refused" });
  expect(await control.sent()).toMatchObject([{ body: "old", edited: false, revoked: false }, {}]);
});

test("WhatsApp's refusal is told as one, its silence as unknown", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const { whatsappId } = await runner.send({ to: FRIEND, text: "hello" });
  await control.configure({ actions: "refuse" });
  expect(await act(runner, whatsappId!, "react", { emoji: "👍" })).toMatchObject({ outcome: "refused" });
  // Shown in the page already, and not taken by the server.
  expect(await act(runner, whatsappId!, "edit", { text: "bye" })).toMatchObject({ outcome: "refused" });
  await control.configure({ actions: "silence" });
  expect(
    await Promise.all([
      act(runner, whatsappId!, "react", { emoji: "👍" }),
      act(runner, whatsappId!, "edit", { text: "bye" }),
      act(runner, whatsappId!, "delete"),
    ]),
  ).toMatchObject([{ outcome: "unknown" }, { outcome: "unknown" }, { outcome: "unknown" }]);
});

test("acts on a message by the id it was sent under and by its sibling's", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  await control.configure({ lids: "sibling" });
  const runner = await world.link();
  const { whatsappId } = await runner.send({ to: FRIEND, text: "hello" });
  expect(whatsappId).toContain("@lid");
  const other = whatsappId!.replace(/_[^_]+@lid_/, `_${FRIEND}@c.us_`);
  expect(await act(runner, other, "edit", { text: "hello you" })).toMatchObject({ outcome: "done" });
  expect(await act(runner, whatsappId!, "react", { emoji: "👍" })).toMatchObject({ outcome: "done" });
  expect(await control.sent()).toMatchObject([{ id: whatsappId, body: "hello you" }]);
});

test.each(["october-2026", "spring-2026"] as const)(
  "media is fetched on demand, with its type and name: %s build",
  async (build) => {
    world = await makeWorld(build);
    const { control } = world.simulator;
    const runner = await world.link();
    const bytes = randomBytes(300_000);
    const about = { mimetype: "application/pdf", filename: "Faktur 07/2026 ✓.pdf" };
    const { id } = await control.deliver(ACCOUNT, {
      from: FRIEND,
      media: { base64: bytes.toString("base64"), ...about },
    });
    await runner.line((line) => line.line === "event" && line.event.type === "message_received");
    const get = (whatsappId: string) => runner.get(`/messages/${encodeURIComponent(whatsappId)}/media`);
    const answer = await get(id);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/pdf");
    expect(decodeURIComponent(answer.headers.get("x-filename") ?? "")).toBe(about.filename);
    expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(sha256(bytes));

    await control.expireMedia(ACCOUNT, id);
    expect((await get(id)).status).toBe(410);
    const { id: text } = await control.deliver(ACCOUNT, { from: FRIEND, body: "no file" });
    expect((await get(text)).status).toBe(404);
    expect((await get(`false_${FRIEND}@c.us_3ANOBODYKNOWSIT`)).status).toBe(404);
  },
);
