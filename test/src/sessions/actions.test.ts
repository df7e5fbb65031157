import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { makeFile, makePdf, sha256 } from "../support/media.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";
const CHAT = `${TO}@c.us`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process");
  await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
});
afterAll(() => stage.close());

const send = (body: object) => stage.engine.api("POST /sessions/s/send", { to: TO, ...body });
const last = async () => (await stage.simulator.control.sent(ACCOUNT)).at(-1);
const base64 = (bytes: Buffer) => bytes.toString("base64");

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
    const shown = async () => (await stage.engine.api(`GET /sessions/s/messages/${messageId}`)).body.message!;
    expect(await shown()).toMatchObject({ text: "salah", revokedAt: null });
    expect(Date.parse((await shown()).editedAt!)).toBeLessThanOrEqual(Date.now());

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
    expect(Date.parse((await shown()).revokedAt!)).toBeLessThanOrEqual(Date.now());
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
    media: { base64: base64(makeFile("opus")), mimetype: "audio/ogg; codecs=opus" },
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
