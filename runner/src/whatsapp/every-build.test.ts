import { randomBytes } from "node:crypto";
import { builds, newestBuild, type Build, type Settings } from "@whatsapp-engine/simulator";
import { afterEach, expect, test } from "vitest";
import { act, kinds, media, sha256 } from "../test-support/kinds.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

/*
 * Every kind of message, out and in, and what is done to it, on builds of WhatsApp Web and with LIDs or without. All of them
 * together by EVERY_BUILD=true; else all LIDs on the newest build, and each of the others with one.
 */

let world: World;
afterEach(() => world.end());

const lids = ["off", "chat", "sibling"] as const;
type Case = { build: Build; lids: Settings["lids"] };
const all: Case[] = builds.flatMap((build) => lids.map((one) => ({ build, lids: one })));
const cases = all.filter(
  ({ build, lids: one }) =>
    process.env["EVERY_BUILD"] === "true" ||
    build === newestBuild ||
    one === lids[builds.indexOf(build) % lids.length],
);

/** The page's name of each kind that has a file, and a type that it may have. */
const incoming = [
  ["image", "image/jpeg"],
  ["video", "video/mp4"],
  ["audio", "audio/mpeg"],
  ["ptt", "audio/ogg; codecs=opus"],
  ["sticker", "image/webp"],
  ["document", "application/zip"],
] as const;

const incomingWithoutFile = [
  { type: "chat", body: "an answer", expected: { body: "an answer" } },
  {
    type: "location",
    content: { lat: -6.2, lng: 106.8, loc: "Monas\nJakarta" },
    expected: { body: "Monas\nJakarta", location: { latitude: -6.2, longitude: 106.8 } },
  },
  {
    type: "vcard",
    body: "BEGIN:VCARD\nFN:Budi\nEND:VCARD",
    expected: { body: "BEGIN:VCARD\nFN:Budi\nEND:VCARD" },
  },
  {
    type: "poll_creation",
    content: { pollName: "Lunch?", pollOptions: [{ name: "Soto", localId: 0 }] },
    expected: { body: "Lunch?" },
  },
];

test.each(cases)(
  "$build, LIDs $lids: every kind goes out once, with its bytes, by the key that was journaled",
  async (of) => {
    world = await makeWorld(of.build);
    const { control } = world.simulator;
    await control.configure({ lids: of.lids });
    const runner = await world.link();
    const { id: quotedId } = await control.deliver(ACCOUNT, { from: FRIEND, body: "a question" });
    const mentions = [`${FRIEND}@c.us`];
    for (const [command, expected] of kinds) {
      const content = { ...command.content, quotedId, mentions };
      const record = await runner.send({ to: FRIEND, ...command, content });
      expect(record, command.type).toMatchObject({ outcome: "sent", error: null });
      expect((await control.sent()).at(-1)).toMatchObject({
        ...expected,
        to: `${FRIEND}@c.us`,
        id: record.whatsappId,
        quotedId,
        mentions,
        mediaSha256: command.media ? sha256(command.media.bytes) : null,
      });
      // The same id again is no second message.
      const again = { messageId: record.messageId, to: FRIEND, ...command, content };
      expect(await runner.send(again)).toEqual(record);
    }
    const text = await runner.send({ to: FRIEND, text: "wrogn" });
    expect(await act(runner, text.whatsappId!, "edit", { text: "wrong" })).toMatchObject({ outcome: "done" });
    const video = await runner.send({ to: FRIEND, type: "video", media: media.video, text: "se" });
    expect(await act(runner, video.whatsappId!, "edit", { text: "see" })).toMatchObject({ outcome: "done" });
    expect(await act(runner, text.whatsappId!, "delete")).toMatchObject({ outcome: "done" });
    expect((await control.sent()).slice(kinds.length)).toMatchObject([
      { id: text.whatsappId, edited: true, revoked: true },
      { id: video.whatsappId, caption: "see", edited: true, revoked: false },
    ]);
    expect(await control.sent()).toHaveLength(kinds.length + 2);
  },
);

test.each(cases)(
  "$build, LIDs $lids: every kind comes in, and its bytes are fetched; what is done to a message goes and comes",
  async (of) => {
    world = await makeWorld(of.build);
    const { control } = world.simulator;
    await control.configure({ lids: of.lids });
    const runner = await world.link();
    for (const [type, mimetype] of incoming) {
      const bytes = randomBytes(20_000);
      const { id } = await control.deliver(ACCOUNT, {
        from: FRIEND,
        type,
        media: { base64: bytes.toString("base64"), mimetype, filename: "a file" },
      });
      const line = await runner.line(
        (one) => one.line === "event" && one.event.type === "message_received" && one.event.whatsappId === id,
      );
      expect(line).toMatchObject({ event: { kind: type, hasMedia: true, phoneNumber: FRIEND } });
      const answer = await runner.get(`/messages/${encodeURIComponent(id)}/media`);
      expect(answer.status, type).toBe(200);
      expect(sha256(Buffer.from(await answer.arrayBuffer())), type).toBe(sha256(bytes));
      expect(await act(runner, id, "react", { emoji: "👍🏽" })).toEqual({ outcome: "done", detail: null });
      expect(await control.reactions(ACCOUNT, id)).toEqual([{ from: `${ACCOUNT}@c.us`, emoji: "👍🏽" }]);
    }

    const told = (type: string, whatsappId: string | null) =>
      runner
        .line(
          ({ line, ...rest }) =>
            line === "event" &&
            "event" in rest &&
            rest.event.type === type &&
            "whatsappId" in rest.event &&
            rest.event.whatsappId === whatsappId,
        )
        .then((line) => ("event" in line ? line.event : null));
    const { whatsappId: question } = await runner.send({ to: FRIEND, text: "a question" });
    for (const { expected, ...inbound } of incomingWithoutFile) {
      const { id } = await control.deliver(ACCOUNT, { from: FRIEND, quotedId: question!, ...inbound });
      expect(await told("message_received", id)).toMatchObject({
        kind: inbound.type,
        hasMedia: false,
        phoneNumber: FRIEND,
        quotedId: question,
        ...expected,
      });
    }
    const { id: text } = await control.deliver(ACCOUNT, { from: FRIEND, body: "wrogn" });
    await control.edit(ACCOUNT, text, "wrong");
    expect(await told("message_edited", text)).toMatchObject({ body: "wrong", phoneNumber: FRIEND });
    await control.revoke(ACCOUNT, text);
    expect(await told("message_revoked", text)).toMatchObject({ phoneNumber: FRIEND });
    await control.react(ACCOUNT, question!, { from: FRIEND, emoji: "❤️" });
    expect(await told("message_reaction", question)).toMatchObject({ emoji: "❤️", phoneNumber: FRIEND });
  },
);
