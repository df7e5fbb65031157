import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFile, makePdf, makePng, sha256 } from "../support/media.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";
const CHAT = `${TO}@c.us`;

const png = makePng(1);
const pdf = makePdf("out");
const mp3 = makeFile("mp3");
const opus = makeFile("opus");
const mp4 = makeFile("mp4");
const webp = makeFile("webp");
const poll = { question: "Makan siang?", options: ["Soto", "Gado-gado", "Rendang"] };
const base64 = (bytes: Buffer) => bytes.toString("base64");

/** What is asked for, and what the receiver gets. */
const outgoing: [string, object, object][] = [
  ["a text", { message: "halo" }, { type: "chat", body: "halo" }],
  [
    "a picture",
    { type: "image", media: { base64: base64(png) }, caption: "lihat" },
    { type: "image", mimetype: "image/png", caption: "lihat", mediaSha256: sha256(png) },
  ],
  [
    "a document",
    { type: "document", media: { base64: base64(pdf), filename: "Faktur.pdf" } },
    { type: "document", filename: "Faktur.pdf", mediaSha256: sha256(pdf) },
  ],
  [
    "an audio",
    { type: "audio", media: { base64: base64(mp3) } },
    { type: "audio", mimetype: "audio/mpeg", mediaSha256: sha256(mp3) },
  ],
  [
    "a voice note",
    { type: "voice", media: { base64: base64(opus) } },
    { type: "ptt", mimetype: "audio/ogg; codecs=opus", mediaSha256: sha256(opus) },
  ],
  [
    "a video",
    { type: "video", media: { base64: base64(mp4) }, caption: "lihat" },
    { type: "video", mimetype: "video/mp4", caption: "lihat", mediaSha256: sha256(mp4) },
  ],
  [
    "a sticker",
    { type: "sticker", media: { base64: base64(webp) } },
    { type: "sticker", caption: null, mediaSha256: sha256(webp) },
  ],
  [
    "a place",
    { type: "location", location: { latitude: -6.1754, longitude: 106.8272, name: "Monas" } },
    { type: "location", location: { latitude: -6.1754, longitude: 106.8272, name: "Monas", address: null } },
  ],
  [
    "a contact",
    { type: "contact", contact: { name: "Ani", phoneNumber: "0812-0000-0005" } },
    { type: "vcard", vcards: [expect.stringContaining("waid=6281200000005:+6281200000005")] },
  ],
  [
    "two contacts",
    {
      type: "contact",
      contacts: [
        { name: "Ani", phoneNumber: "6281200000005" },
        { name: "Budi", phoneNumber: "6281200000006" },
      ],
    },
    {
      type: "multi_vcard",
      vcards: [expect.stringContaining("FN:Ani"), expect.stringContaining("FN:Budi")],
    },
  ],
  [
    "a poll",
    { type: "poll", poll: { ...poll, multiple: true } },
    { type: "poll_creation", poll: { ...poll, multiple: true } },
  ],
];

/** Of what comes in with a file: the page's name, ours, and a type that it may have. */
const incoming: [string, string, string][] = [
  ["image", "image", "image/jpeg"],
  ["document", "document", "application/pdf"],
  ["audio", "audio", "audio/mpeg"],
  ["ptt", "voice", "audio/ogg; codecs=opus"],
  ["video", "video", "video/mp4"],
  ["sticker", "sticker", "image/webp"],
];

onEachRuntime("every kind of message", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage?.close());

  const send = (body: object) => stage.engine.api("POST /sessions/s/send", { to: TO, ...body });
  const act = (call: string, id: string, body?: object) => {
    const [method, rest = ""] = call.split(" ");
    return stage.engine.api(`${method} /sessions/s/messages/${encodeURIComponent(id)}${rest}`, body);
  };
  const last = async () => (await stage.simulator.control.sent(ACCOUNT)).at(-1);

  describe.each(["off", "chat"] as const)("with LIDs %s", (lids) => {
    beforeAll(() => stage.simulator.control.configure({ lids }));

    it.each(outgoing)("%s goes out as it was given", async (_, body, expected) => {
      const answer = await send(body);
      expect(answer.status, answer.text).toBe(200);
      expect(await last()).toMatchObject({ ...expected, id: answer.body.whatsappId, to: CHAT });
    });

    it.each(incoming)("one of kind %s comes in, and its file is handed out", async (type, kind, mimetype) => {
      const bytes = makeFile("mp3");
      const media = { base64: base64(bytes), mimetype, filename: "a file" };
      const { id } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, type, media });
      const told = await until("it to be told", async () => {
        const { body } = await stage.engine.api("GET /sessions/s/events?types=message.received&limit=200");
        const { events } = body as unknown as { events: { data: Record<string, unknown> }[] };
        return events.find(({ data }) => data["whatsappId"] === id);
      });
      expect(told.data).toMatchObject({ type: kind, hasMedia: true, phoneNumber: TO });
      const answer = await act("GET /media", id);
      expect(answer.status, answer.text).toBe(200);
      expect(sha256(answer.bytes)).toBe(sha256(bytes));
    });

    it("a reply names people, and is reacted to, edited and deleted", async () => {
      const { control } = stage.simulator;
      const { id: theirs } = await control.deliver(ACCOUNT, { from: TO, body: "siapa?" });
      const answer = await send({
        message: "@6281200000005 dan @6281200000006",
        quotedId: theirs,
        mentions: ["081200000005", "6281200000006@c.us"],
      });
      expect(answer.status, answer.text).toBe(200);
      const mentions = ["6281200000005@c.us", "6281200000006@c.us"];
      expect(await last()).toMatchObject({ quotedId: theirs, mentions });
      const [messageId, whatsappId] = [answer.body.messageId!, answer.body.whatsappId!];

      await control.react(ACCOUNT, whatsappId, { from: TO, emoji: "👍" });
      expect((await act("PUT /reaction", theirs, { emoji: "👍🏽" })).status).toBe(200);
      expect(await control.reactions(ACCOUNT, theirs)).toEqual([{ from: `${ACCOUNT}@c.us`, emoji: "👍🏽" }]);
      expect((await act("PATCH", messageId, { message: "mereka" })).status).toBe(200);
      expect(await last()).toMatchObject({ id: whatsappId, body: "mereka", edited: true });
      expect((await act("DELETE", whatsappId)).status).toBe(200);
      expect(await last()).toMatchObject({ id: whatsappId, revoked: true });
    });
  });

  it("a reply to a message that WhatsApp does not know is not sent", async () => {
    const before = await stage.simulator.control.sent();
    const answer = await send({ message: "what?", quotedId: `false_${CHAT}_3ANOBODYKNOWSIT` });
    expect([answer.status, answer.body.error?.code], answer.text).toEqual([422, "send_failed"]);
    expect(answer.body.error?.message).toContain("quotedId");
    expect(await stage.simulator.control.sent()).toEqual(before);
  });
});
