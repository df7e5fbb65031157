import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { snapshot } from "../support/database.ts";
import { makePdf, makePng } from "../support/media.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const TO = "6281200000001";
const png = makePng(1).toString("base64");
const pdf = makePdf("x").toString("base64");

const place = { latitude: -6.2, longitude: 106.8 };
const ani = { name: "Ani", phoneNumber: TO };

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process", { MEDIA_MAX_MB: "1" });
  await linkSession(stage.engine, stage.simulator, "linked", "6281234567890");
  await stage.simulator.control.unregisterNumber("6281299999999");
});
afterAll(() => stage.close());

type Case = [what: string, call: string, body: unknown, status: number, code: string, field?: string];
const send = (body: unknown, session = "linked") => [`POST /sessions/${session}/send`, body] as const;
const OLD = `/sessions/linked/messages/true_${TO}@c.us_3EB0`;
const react = (body: unknown) => [`PUT ${OLD}/reaction`, body] as const;
const create = (body: unknown) => ["POST /sessions/create", body] as const;

const cases: Case[] = [
  ["malformed JSON", ...create('{"sessionId":'), 400, "invalid_json"],
  ["an empty body", ...create(""), 400, "invalid_json"],
  ["an empty body to send", ...send(""), 400, "invalid_json"],
  ["a body that is no object", ...create("[]"), 400, "invalid_request"],
  ["null", ...create("null"), 400, "invalid_request"],
  ["a field of the wrong type", ...create({ sessionId: 7 }), 400, "invalid_request", "sessionId"],
  [
    "a field that is not known",
    ...create({ sessionId: "a", webhook: "x" }),
    400,
    "invalid_request",
    "webhook",
  ],
  ["no session id", ...create({}), 400, "invalid_request", "sessionId"],
  ["an id that climbs", ...create({ sessionId: "../x" }), 400, "invalid_request", "sessionId"],
  ["an id of 65 characters", ...create({ sessionId: "a".repeat(65) }), 400, "invalid_request", "sessionId"],
  ["an emoji as id", ...create({ sessionId: "😀" }), 400, "invalid_request", "sessionId"],
  ["an id with a line break", ...create({ sessionId: "a\n" }), 400, "invalid_request", "sessionId"],
  [
    "a phone number that is none",
    ...create({ sessionId: "a", phoneNumber: "call me" }),
    400,
    "invalid_phone_number",
    "phoneNumber",
  ],
  ["another phone number", ...create({ sessionId: "linked", phoneNumber: TO }), 409, "session_conflict"],
  ["dots in the path, escaped", "GET /sessions/%2e%2e/qr", undefined, 404, "not_found"],
  ["dots in the path, as they are", "GET /sessions/../qr", undefined, 404, "not_found"],
  [
    "dots in the path, twice escaped",
    "GET /sessions/%252e%252e/status",
    undefined,
    400,
    "invalid_session_id",
    "sessionId",
  ],
  [
    "a slash in the path, escaped",
    "GET /sessions/..%2fx/status",
    undefined,
    400,
    "invalid_session_id",
    "sessionId",
  ],
  [
    "a broken escape in the path",
    "GET /sessions/%zz/status",
    undefined,
    400,
    "invalid_session_id",
    "sessionId",
  ],
  [
    "an emoji in the path",
    "GET /sessions/%F0%9F%98%80/status",
    undefined,
    400,
    "invalid_session_id",
    "sessionId",
  ],
  [
    "65 characters in the path",
    `DELETE /sessions/${"a".repeat(65)}`,
    undefined,
    400,
    "invalid_session_id",
    "sessionId",
  ],
  ["a session that is not there", "GET /sessions/nobody/status", undefined, 404, "session_not_found"],
  ["the code of a session that is not there", "GET /sessions/nobody/qr", undefined, 404, "session_not_found"],
  [
    "sending from a session that is not there",
    ...send({ to: TO, message: "x" }, "nobody"),
    404,
    "session_not_found",
  ],
  ["deleting a session that is not there", "DELETE /sessions/nobody", undefined, 404, "session_not_found"],
  [
    "a picture of the code of a linked session",
    "GET /sessions/linked/qr?format=png",
    undefined,
    409,
    "qr_not_available",
  ],
  [
    "a wait that is no number",
    "GET /sessions/linked/qr?wait=long",
    undefined,
    400,
    "invalid_request",
    "wait",
  ],
  ["a wait that is too long", "GET /sessions/linked/qr?wait=3600", undefined, 400, "invalid_request", "wait"],
  [
    "a picture format that is not known",
    "GET /sessions/linked/qr?format=gif",
    undefined,
    400,
    "invalid_request",
    "format",
  ],
  ["a cursor that we did not give", "GET /sessions?cursor=abc", undefined, 400, "invalid_cursor", "cursor"],
  ["a limit out of range", "GET /sessions?limit=0", undefined, 400, "invalid_request", "limit"],
  ["a status that is not known", "GET /sessions?status=asleep", undefined, 400, "invalid_request", "status"],
  ["a call that is not known", "GET /teapot", undefined, 404, "not_found"],
  ["no text", ...send({ to: TO, type: "text" }), 400, "invalid_request", "message"],
  ["a text of spaces", ...send({ to: TO, message: "  \n" }), 400, "invalid_request", "message"],
  [
    "a text that is too long",
    ...send({ to: TO, message: "x".repeat(65_537) }),
    400,
    "invalid_request",
    "message",
  ],
  ["no recipient", ...send({ message: "x" }), 400, "invalid_request", "to"],
  [
    "a recipient that is no number",
    ...send({ to: "mother", message: "x" }),
    400,
    "invalid_phone_number",
    "to",
  ],
  [
    "a recipient that is no chat",
    ...send({ to: "x@evil.com", message: "x" }),
    400,
    "invalid_phone_number",
    "to",
  ],
  [
    "a number that is not on WhatsApp",
    ...send({ to: "6281299999999", message: "x" }),
    422,
    "not_on_whatsapp",
  ],
  [
    "a type that is not known",
    ...send({ to: TO, message: "x", type: "fax" }),
    400,
    "invalid_request",
    "type",
  ],
  [
    "an image without media",
    ...send({ to: TO, type: "image", message: "x" }),
    400,
    "invalid_request",
    "media",
  ],
  [
    "a text with media",
    ...send({ to: TO, message: "x", media: { base64: png } }),
    400,
    "invalid_request",
    "media",
  ],
  [
    "a text with a place",
    ...send({ to: TO, message: "x", location: place }),
    400,
    "invalid_request",
    "location",
  ],
  ["a place without one", ...send({ to: TO, type: "location" }), 400, "invalid_request", "location"],
  [
    "a place off the earth",
    ...send({ to: TO, type: "location", location: { latitude: 91, longitude: 0 } }),
    400,
    "invalid_request",
    "location.latitude",
  ],
  [
    "a place's name of two lines",
    ...send({ to: TO, type: "location", location: { ...place, name: "a\nb" } }),
    400,
    "invalid_request",
    "location.name",
  ],
  [
    "a place with a text",
    ...send({ to: TO, type: "location", location: place, message: "x" }),
    400,
    "invalid_request",
    "message",
  ],
  ["a contact without one", ...send({ to: TO, type: "contact" }), 400, "invalid_request", "contact"],
  [
    "a contact and contacts",
    ...send({ to: TO, type: "contact", contact: ani, contacts: [ani] }),
    400,
    "invalid_request",
    "contact",
  ],
  [
    "a contact without a name",
    ...send({ to: TO, type: "contact", contact: { phoneNumber: TO } }),
    400,
    "invalid_request",
    "contact.name",
  ],
  [
    "a contact without a real number",
    ...send({ to: TO, type: "contact", contacts: [ani, { name: "Budi", phoneNumber: "12" }] }),
    400,
    "invalid_phone_number",
    "contacts.1.phoneNumber",
  ],
  ["no contacts", ...send({ to: TO, type: "contact", contacts: [] }), 400, "invalid_request", "contacts"],
  [
    "a poll with one option",
    ...send({ to: TO, type: "poll", poll: { question: "?", options: ["a"] } }),
    400,
    "invalid_request",
    "poll.options",
  ],
  [
    "a poll with 13 options",
    ...send({ to: TO, type: "poll", poll: { question: "?", options: "abcdefghijklm".split("") } }),
    400,
    "invalid_request",
    "poll.options",
  ],
  [
    "a poll with the same option twice",
    ...send({ to: TO, type: "poll", poll: { question: "?", options: ["a", "a "] } }),
    400,
    "invalid_request",
    "poll.options",
  ],
  [
    "a poll with an empty option",
    ...send({ to: TO, type: "poll", poll: { question: "?", options: ["a", " "] } }),
    400,
    "invalid_request",
    "poll.options.1",
  ],
  ["an audio without a file", ...send({ to: TO, type: "audio" }), 400, "invalid_request", "media"],
  [
    "a text with a caption, one of which would be dropped",
    ...send({ to: TO, message: "x", caption: "y" }),
    400,
    "invalid_request",
    "caption",
  ],
  [
    "a picture with message and caption",
    ...send({ to: TO, type: "image", media: { base64: png }, message: "x", caption: "y" }),
    400,
    "invalid_request",
    "caption",
  ],
  [
    "a time without a zone",
    ...send({ to: TO, message: "x", scheduledAt: "2030-01-31 09:00" }),
    400,
    "invalid_request",
    "scheduledAt",
  ],
  [
    "headers that belong to no address",
    ...send({ to: TO, type: "image", media: { base64: png, headers: { a: "b" } } }),
    400,
    "invalid_request",
    "media.headers",
  ],
  [
    "a header with a line break in it",
    ...send({ to: TO, type: "image", media: { url: "https://example.com/a", headers: { a: "b\r\nc: d" } } }),
    400,
    "invalid_request",
    "media.headers.a",
  ],
  [
    "objects in objects in objects",
    ...send(`{"to":"${TO}","message":"x","media":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`),
    400,
    "invalid_request",
    "body",
  ],
  ["half a character", ...send({ to: TO, message: "ab\ud83d" }), 400, "invalid_request", "body"],
  [
    "a voice note with a caption",
    ...send({ to: TO, type: "voice", media: { base64: png }, caption: "x" }),
    400,
    "invalid_request",
    "caption",
  ],
  [
    "a voice note that is a picture",
    ...send({ to: TO, type: "voice", media: { base64: png } }),
    400,
    "invalid_media",
    "media",
  ],
  [
    "a sticker that is a PNG",
    ...send({ to: TO, type: "sticker", media: { base64: png } }),
    400,
    "invalid_media",
    "media",
  ],
  [
    "a video that is a document",
    ...send({ to: TO, type: "video", media: { base64: pdf } }),
    400,
    "invalid_media",
    "media",
  ],
  [
    "bytes in JSON",
    ...send({ to: TO, type: "image", media: { bytes: { 0: 137, length: 1 } } }),
    400,
    "invalid_request",
    "media.bytes",
  ],
  [
    "a reply to an id of ours",
    ...send({ to: TO, message: "x", quotedId: "5d3c1f0e-0000-4000-8000-000000000000" }),
    400,
    "invalid_request",
    "quotedId",
  ],
  [
    "a mention that is no number",
    ...send({ to: TO, message: "x", mentions: [TO, "mother"] }),
    400,
    "invalid_phone_number",
    "mentions.1",
  ],
  [
    "a mention of a group",
    ...send({ to: TO, message: "x", mentions: ["120363000000000001@g.us"] }),
    400,
    "invalid_phone_number",
    "mentions.0",
  ],
  [
    "many polls without a poll",
    "POST /sessions/linked/messages/bulk",
    { type: "poll", recipients: [TO] },
    400,
    "invalid_request",
    "poll",
  ],
  [
    "a text for one of many stickers",
    "POST /sessions/linked/messages/bulk",
    { type: "sticker", media: { base64: png }, recipients: [TO, { to: "6281200000002", message: "x" }] },
    400,
    "invalid_request",
    "recipients.1.message",
  ],
  ["a reaction of two emoji", ...react({ emoji: "👍👍" }), 400, "invalid_request", "emoji"],
  ["a reaction that is a word", ...react({ emoji: "ok" }), 400, "invalid_request", "emoji"],
  ["a reaction without an emoji", ...react({}), 400, "invalid_request", "emoji"],
  ["an edit to nothing", `PATCH ${OLD}`, { message: " " }, 400, "invalid_request", "message"],
  ["an edit with a body that is none", `PATCH ${OLD}`, "{", 400, "invalid_json"],
  [
    "a message that is not there",
    "DELETE /sessions/linked/messages/none",
    undefined,
    404,
    "message_not_found",
  ],
  ["media of no message", "GET /sessions/linked/messages/none/media", undefined, 404, "message_not_found"],
  [
    "a contact that is no number",
    "GET /sessions/linked/contacts/mother",
    undefined,
    400,
    "invalid_phone_number",
    "number",
  ],
  [
    "both base64 and url",
    ...send({ to: TO, type: "image", media: { base64: png, url: "https://example.com/" } }),
    400,
    "invalid_request",
    "media",
  ],
  [
    "base64 that is none",
    ...send({ to: TO, type: "image", media: { base64: "%%%" } }),
    400,
    "invalid_media",
    "media.base64",
  ],
  [
    "an image that is a document",
    ...send({ to: TO, type: "image", media: { base64: pdf } }),
    400,
    "invalid_media",
  ],
  [
    "a wrong MIME type",
    ...send({ to: TO, type: "image", media: { base64: png, mimetype: "image/jpeg" } }),
    400,
    "invalid_media",
    "media.mimetype",
  ],
  [
    "media that is too large",
    ...send({
      to: TO,
      type: "document",
      media: { base64: Buffer.alloc(1024 * 1024 + 1).toString("base64") },
    }),
    413,
    "media_too_large",
  ],
  [
    "a body that is too large",
    ...send({ to: TO, message: "x".repeat(2 * 1024 * 1024) }),
    413,
    "body_too_large",
  ],
  [
    "media on this machine",
    ...send({ to: TO, type: "image", media: { url: "http://127.0.0.1:1/x.png" } }),
    400,
    "media_url_refused",
    "media.url",
  ],
  [
    "media on this machine by name",
    ...send({ to: TO, type: "image", media: { url: "http://localhost:1/x.png" } }),
    400,
    "media_url_refused",
    "media.url",
  ],
  [
    "media in a private network",
    ...send({ to: TO, type: "image", media: { url: "http://169.254.169.254/latest" } }),
    400,
    "media_url_refused",
    "media.url",
  ],
  [
    "media by another scheme",
    ...send({ to: TO, type: "image", media: { url: "file:///etc/passwd" } }),
    400,
    "media_url_refused",
    "media.url",
  ],
  [
    "media that cannot be reached",
    ...send({ to: TO, type: "image", media: { url: "https://name.invalid/x.png" } }),
    422,
    "media_unreachable",
  ],
];

describe("bad input", () => {
  it.each(cases)("%s", async (_, call, body, status, code, field) => {
    const before = snapshot(stage.engine.dataDir);
    const sent = await stage.simulator.control.sent();
    const answer = await stage.engine.api(call, body);
    expect([answer.status, answer.body.error?.code], answer.text).toEqual([status, code]);
    expect(answer.body).toMatchObject({ success: false, requestId: answer.headers["x-request-id"] });
    expect(answer.body.error?.message).toMatch(
      /^[A-Z`'].+\.$|^(media|to|phoneNumber|cursor|contacts?|mentions|number)\b.+\.$/,
    );
    if (field !== undefined)
      expect(answer.body.error?.details.map((detail) => detail.field)).toContain(field);

    // A number that is not on WhatsApp is known only once it was asked for: that message has its row, as failed.
    const after = snapshot(stage.engine.dataDir);
    if (code !== "not_on_whatsapp") expect(after).toEqual(before);
    expect(await stage.simulator.control.sent()).toEqual(sent);
  });

  it("records a number that is not on WhatsApp as a message that failed", () => {
    const { messages = [] } = snapshot(stage.engine.dataDir);
    expect(messages.map(({ status, error_code: code }) => [status, code])).toContainEqual([
      "failed",
      "not_on_whatsapp",
    ]);
  });

  it.each([
    ["a form", "application/x-www-form-urlencoded"],
    ["no type", ""],
    ["a broken type", "application/json;"],
  ])("a body as %s", async (_, type) => {
    const headers = { "Content-Type": type };
    const answer = await stage.engine.api("POST /sessions/create", '{"sessionId":"b"}', { headers });
    expect([answer.status, answer.body.error?.code]).toEqual([415, "unsupported_media_type"]);
  });

  it("sending from a session that is not connected", async () => {
    await stage.engine.api("POST /sessions/create", { sessionId: "fresh" });
    const answer = await stage.engine.api("POST /sessions/fresh/send", { to: TO, message: "x" });
    expect(answer.status).toBe(409);
    expect(answer.body.error).toMatchObject({ code: "session_not_connected" });
    expect(["connecting", "qr_ready"]).toContain(answer.body.error?.status);
  });
});
