import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { makeFile, makePdf, makePng, sha256 } from "../support/media.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";
const CHAT = `${TO}@c.us`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process", { MEDIA_MAX_MB: "1" });
  await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
});
afterAll(() => stage.close());

const send = (body: object) => stage.engine.api("POST /sessions/s/send", { to: TO, ...body });
const last = async () => (await stage.simulator.control.sent(ACCOUNT)).at(-1);
const base64 = (bytes: Buffer) => bytes.toString("base64");

const mp3 = makeFile("mp3");
const opus = makeFile("opus");
const mp4 = makeFile("mp4");
const webp = makeFile("webp");
const poll = { question: "Makan siang?", options: ["Soto", "Gado-gado", "Rendang"] };

describe("every kind arrives as it was given", () => {
  it.each([
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
      {
        type: "location",
        location: { latitude: -6.1754, longitude: 106.8272, name: "Monas", address: null },
      },
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
  ] as [string, object, object][])("%s", async (_, body, expected) => {
    const answer = await send(body);
    expect(answer.status, answer.text).toBe(200);
    expect(await last()).toMatchObject({ ...expected, id: answer.body.whatsappId, to: CHAT });
  });

  it("a reply that names people", async () => {
    const { id } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, body: "siapa?" });
    const answer = await send({
      message: "@6281200000005 dan @6281200000006",
      quotedId: id,
      mentions: ["081200000005", "6281200000006@c.us"],
    });
    expect(answer.status, answer.text).toBe(200);
    expect(await last()).toMatchObject({
      quotedId: id,
      mentions: ["6281200000005@c.us", "6281200000006@c.us"],
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

describe("a form", () => {
  const post = async (parts: [string, string | Blob, string?][], headers: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value, filename] of parts) {
      if (typeof value === "string") form.append(name, value);
      else form.append(name, value, filename);
    }
    const answer = await fetch(`${stage.engine.url}/sessions/s/send`, {
      method: "POST",
      headers: { "X-API-Key": stage.engine.apiKey, ...headers },
      body: form,
    });
    return {
      status: answer.status,
      body: (await answer.json()) as {
        whatsappId?: string;
        messageId?: string;
        error?: { code: string; details: { field: string; message: string }[] };
      },
    };
  };

  it("carries a file with its name and type, byte for byte", async () => {
    const pdf = makePdf("a form");
    const { status, body } = await post([
      ["to", "0812-0000-0001"],
      ["type", "document"],
      ["caption", "Faktur"],
      ["file", new Blob([pdf], { type: "application/pdf" }), "Faktur 07/2026 ✓.pdf"],
    ]);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(await last()).toMatchObject({
      id: body.whatsappId,
      type: "document",
      caption: "Faktur",
      filename: "Faktur 07/2026 ✓.pdf",
      mimetype: "application/pdf",
      mediaSha256: sha256(pdf),
    });
  });

  it("carries what is not text as JSON, and a given name before the file's own", async () => {
    const png = makePng(3);
    const { status, body } = await post([
      ["to", TO],
      ["type", "document"],
      ["mentions", '["6281200000005"]'],
      ["async", "false"],
      ["media", '{"filename":"given.bin","mimetype":"image/png"}'],
      ["file", new Blob([png], { type: "application/octet-stream" }), "own.png"],
    ]);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(await last()).toMatchObject({
      filename: "given.bin",
      mimetype: "image/png",
      mentions: ["6281200000005@c.us"],
      mediaSha256: sha256(png),
    });
    const place = '{"latitude":1,"longitude":2}';
    expect(
      await post([
        ["to", TO],
        ["type", "location"],
        ["location", place],
      ]),
    ).toMatchObject({ status: 200 });
    expect(await last()).toMatchObject({ location: { latitude: 1, longitude: 2 } });
  });

  it("with the same key and file is the same message; with another file a conflict", async () => {
    const parts = (file: Buffer): [string, string | Blob, string?][] => [
      ["to", TO],
      ["type", "voice"],
      ["file", new Blob([file]), "a.ogg"],
    ];
    const headers = { "Idempotency-Key": "one-voice-note" };
    const first = await post(parts(opus), headers);
    expect(first.status).toBe(200);
    const sent = await stage.simulator.control.sent();
    expect(await post(parts(opus), headers)).toEqual(first);
    expect(await post(parts(makeFile("opus")), headers)).toMatchObject({
      status: 409,
      body: { error: { code: "idempotency_conflict" } },
    });
    expect(await stage.simulator.control.sent()).toEqual(sent);
  });

  const file = (bytes: Buffer, type = "") => new Blob([bytes], { type });
  it.each<[string, [string, string | Blob, string?][], number, string, string?]>([
    ["no recipient", [["message", "x"]], 400, "invalid_request", "to"],
    [
      "a file for a text",
      [
        ["to", TO],
        ["file", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "media",
    ],
    [
      "a field twice",
      [
        ["to", TO],
        ["to", TO],
        ["message", "x"],
      ],
      400,
      "invalid_request",
      "to",
    ],
    [
      "two files",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(webp), "a"],
        ["file", file(webp), "b"],
      ],
      400,
      "invalid_request",
      "file",
    ],
    [
      "a file by another name",
      [
        ["to", TO],
        ["type", "image"],
        ["image", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "image",
    ],
    [
      "a file that is a text",
      [
        ["to", TO],
        ["type", "image"],
        ["file", "x"],
      ],
      400,
      "invalid_request",
      "file",
    ],
    [
      "a part that is not known",
      [
        ["to", TO],
        ["message", "x"],
        ["webhook", "x"],
      ],
      400,
      "invalid_request",
      "webhook",
    ],
    [
      "JSON that is none",
      [
        ["to", TO],
        ["type", "poll"],
        ["poll", "{"],
      ],
      400,
      "invalid_request",
      "poll",
    ],
    [
      "two sources",
      [
        ["to", TO],
        ["type", "image"],
        ["media", '{"url":"https://example.com"}'],
        ["file", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "media.url",
    ],
    [
      "bytes of another kind",
      [
        ["to", TO],
        ["type", "voice"],
        ["file", file(mp3), "a"],
      ],
      400,
      "invalid_media",
      "media",
    ],
    [
      "a type that the bytes contradict",
      [
        ["to", TO],
        ["type", "image"],
        ["file", file(webp, "image/png"), "a"],
      ],
      400,
      "invalid_media",
      "media.mimetype",
    ],
    [
      "no bytes",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(0)), "a"],
      ],
      400,
      "invalid_media",
      "media",
    ],
    [
      "too large a file",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(1024 * 1024 + 1)), "a"],
      ],
      413,
      "media_too_large",
    ],
    [
      "too large a body",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(2 * 1024 * 1024)), "a"],
      ],
      413,
      "body_too_large",
    ],
  ])("with %s is refused", async (_, parts, status, code, field) => {
    const before = await stage.simulator.control.sent();
    const answer = await post(parts);
    expect([answer.status, answer.body.error?.code], JSON.stringify(answer.body)).toEqual([status, code]);
    if (field !== undefined)
      expect(answer.body.error?.details.map((detail) => detail.field)).toContain(field);
    expect(await stage.simulator.control.sent()).toEqual(before);
  });

  it("that is cut off, or goes elsewhere, is refused", async () => {
    const headers = { "Content-Type": "multipart/form-data; boundary=x" };
    const part = '--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n628';
    const cut = await stage.engine.api("POST /sessions/s/send", part, { headers });
    expect([cut.status, cut.body.error?.code], cut.text).toEqual([400, "invalid_form"]);
    const none = await stage.engine.api("POST /sessions/s/send", part, {
      headers: { "Content-Type": "multipart/form-data" },
    });
    expect([none.status, none.body.error?.code], none.text).toEqual([400, "invalid_form"]);
    const elsewhere = await stage.engine.api("POST /sessions/create", `${part}\r\n--x--\r\n`, { headers });
    expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([415, "unsupported_media_type"]);
  });
});

describe("what is done to a message", () => {
  const act = (call: string, id: string, body?: object) => {
    const [method, rest = ""] = call.split(" ");
    return stage.engine.api(`${method} /sessions/s/messages/${encodeURIComponent(id)}${rest}`, body);
  };

  it("reacts, edits and deletes, by our id and by WhatsApp's", async () => {
    const { body } = await send({ message: "salha" });
    const [messageId, whatsappId] = [body.messageId!, body.whatsappId!];
    const edited = await act("PATCH", messageId, { message: "salah" });
    expect([edited.status, edited.body], edited.text).toEqual([
      200,
      { success: true, messageId, whatsappId },
    ]);
    expect(await last()).toMatchObject({ id: whatsappId, body: "salah", edited: true });

    const { id: theirs } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, body: "oke" });
    const reacted = await act("PUT /reaction", theirs, { emoji: "👍🏽" });
    expect([reacted.status, reacted.body]).toEqual([
      200,
      { success: true, messageId: null, whatsappId: theirs },
    ]);
    expect(await stage.simulator.control.reactions(ACCOUNT, theirs)).toEqual([
      { from: `${ACCOUNT}@c.us`, emoji: "👍🏽" },
    ]);
    expect((await act("PUT /reaction", theirs, { emoji: "" })).status).toBe(200);
    expect(await stage.simulator.control.reactions(ACCOUNT, theirs)).toEqual([]);

    expect((await act("DELETE", whatsappId)).status).toBe(200);
    expect(await last()).toMatchObject({ id: whatsappId, revoked: true });
  });

  it("answers what WhatsApp answers", async () => {
    const { body } = await send({ message: "old" });
    const { id: theirs } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, body: "theirs" });
    await stage.simulator.control.age(ACCOUNT, body.whatsappId!, 16 * 60);
    const late = await act("PATCH", body.messageId!, { message: "new" });
    expect([late.status, late.body.error?.code], late.text).toEqual([422, "action_refused"]);
    expect(late.body.error?.message).toContain("15 minutes");
    const notOurs = await act("DELETE", theirs);
    expect([notOurs.status, notOurs.body.error?.code]).toEqual([422, "action_refused"]);
    for (const id of [`true_${CHAT}_3EB0NOBODYKNOWSIT`, "5d3c1f0e-0000-4000-8000-000000000000", "x"]) {
      const unknown = await act("DELETE", id);
      expect([unknown.status, unknown.body.error?.code], unknown.text).toEqual([404, "message_not_found"]);
    }
    await stage.simulator.control.configure({ actions: "silence" });
    const silent = await act("PUT /reaction", theirs, { emoji: "👍" });
    await stage.simulator.control.configure({ actions: "take" });
    expect([silent.status, silent.body.error?.code], silent.text).toEqual([504, "outcome_unknown"]);
  });

  it("is refused for a message that has not gone out", async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await send({ message: "later", scheduledAt: soon });
    const answer = await act("DELETE", body.messageId!);
    expect([answer.status, answer.body.error?.code], answer.text).toEqual([409, "message_not_sent"]);
    expect(answer.body.error?.message).toContain(`/messages/${body.messageId}/cancel`);
    expect((await act("POST /cancel", body.messageId!)).status).toBe(200);
    expect((await act("PATCH", body.messageId!, { message: "x" })).body.error).toMatchObject({
      code: "message_not_sent",
      status: "cancelled",
    });
  });

  it("hands out media when asked", async () => {
    const pdf = makePdf("inbound");
    const media = { base64: base64(pdf), mimetype: "application/pdf", filename: "Bukti 'bayar' (1) ✓.pdf" };
    const { id } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, media });
    const answer = await act("GET /media", id);
    expect(answer.status, answer.text).toBe(200);
    expect(sha256(answer.bytes)).toBe(sha256(pdf));
    expect(answer.headers).toMatchObject({
      "content-type": "application/pdf",
      "content-length": String(pdf.length),
      "content-disposition": `attachment; filename="Bukti 'bayar' (1) _.pdf"; filename*=UTF-8''Bukti%20%27bayar%27%20%281%29%20%E2%9C%93.pdf`,
      "x-content-type-options": "nosniff",
    });
    await stage.simulator.control.expireMedia(ACCOUNT, id);
    const gone = await act("GET /media", id);
    expect([gone.status, gone.body.error?.code]).toEqual([410, "media_gone"]);
    const { id: text } = await stage.simulator.control.deliver(ACCOUNT, { from: TO, body: "no file" });
    const none = await act("GET /media", text);
    expect([none.status, none.body.error?.code]).toEqual([404, "media_not_found"]);
  });

  it("checks whether a number is on WhatsApp", async () => {
    await stage.simulator.control.unregisterNumber("6281299999999");
    const there = await stage.engine.api(
      `GET /sessions/s/contacts/${encodeURIComponent("+62 812-0000-0001")}`,
    );
    expect([there.status, there.body], there.text).toEqual([
      200,
      { success: true, number: TO, exists: true, chatId: CHAT },
    ]);
    const missing = await stage.engine.api("GET /sessions/s/contacts/081299999999");
    expect(missing.body).toEqual({ success: true, number: "6281299999999", exists: false, chatId: null });
  });
});

it("what comes in is in the database once, in the words of the API", async () => {
  const { control } = stage.simulator;
  const seen = () =>
    query(
      stage.engine.dataDir,
      "select type, data from events where session_id = 's' and type in ('message.received','message.reaction','message.edited','message.revoked','call.received') and data like '%6281277777777%' order by seq",
    ).map(({ type, data }) => [type, JSON.parse(String(data)) as object]);
  const from = "6281277777777";
  const { id } = await control.deliver(ACCOUNT, { from, body: "halo", pushName: "Sari" });
  const { id: voice } = await control.deliver(ACCOUNT, {
    from,
    type: "ptt",
    media: { base64: base64(opus), mimetype: "audio/ogg; codecs=opus" },
  });
  await control.react(ACCOUNT, id, { from, emoji: "👍" });
  await control.edit(ACCOUNT, id, "halo!");
  await control.revoke(ACCOUNT, id);
  await control.call(ACCOUNT, { from });
  const events = await until("all events", () => (seen().length >= 6 ? seen() : undefined), { seen });
  const chat = { chatId: `${from}@c.us`, from: `${from}@c.us`, phoneNumber: from };
  expect(events).toMatchObject([
    ["message.received", { type: "text", whatsappId: id, body: "halo", pushName: "Sari", ...chat }],
    ["message.received", { type: "voice", whatsappId: voice, hasMedia: true, ...chat }],
    ["message.reaction", { whatsappId: id, messageId: null, emoji: "👍", ...chat }],
    ["message.edited", { whatsappId: id, body: "halo!", ...chat }],
    ["message.revoked", { whatsappId: id, ...chat }],
    ["call.received", { isVideo: false, from: chat.from, phoneNumber: from }],
  ]);
});

it("what needs a connection says that there is none", async () => {
  await stage.engine.api("POST /sessions/create", { sessionId: "fresh" });
  for (const [call, body] of [
    ["GET /sessions/fresh/contacts/6281200000001", undefined],
    [`PUT /sessions/fresh/messages/true_${CHAT}_3EB0/reaction`, { emoji: "👍" }],
    [`DELETE /sessions/fresh/messages/true_${CHAT}_3EB0`, undefined],
    [`GET /sessions/fresh/messages/true_${CHAT}_3EB0/media`, undefined],
  ] as const) {
    const answer = await stage.engine.api(call, body);
    expect([answer.status, answer.body.error?.code], answer.text).toEqual([409, "session_not_connected"]);
    const nobody = await stage.engine.api(call.replace("fresh", "nobody"), body);
    expect([nobody.status, nobody.body.error?.code], nobody.text).toEqual([404, "session_not_found"]);
  }
});
