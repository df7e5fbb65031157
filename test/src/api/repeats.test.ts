import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { makePng } from "../support/media.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const WINDOW_SECONDS = 5;

/** A caller without a key that had no answer, and asks again. */
describe("the same request again", () => {
  let stage: Stage;
  let to: string;
  let next = 6_281_200_000_000;
  beforeAll(async () => {
    stage = await startStage("process", { REPEAT_SECONDS: String(WINDOW_SECONDS) });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage?.close());
  beforeEach(async () => {
    to = String(++next);
    await stage.simulator.control.clearFaults();
  });

  const send = (body: object, headers = {}) => stage.engine.api("POST /sessions/s/send", body, { headers });
  const rows = () =>
    query(stage.engine.dataDir, "select id, status, unanswered_at from messages where recipient = ?", to);
  const taken = () => takenBy(stage.simulator, ACCOUNT, to);

  /** Sends a request, and goes away once it is accepted: WhatsApp is slow. So many at once. */
  async function goAway(body: object, times = 1): Promise<void> {
    const { engine } = stage;
    const before = rows().length;
    for (let n = 0; n < times; n++) await stage.simulator.control.fault({ kind: "late", ackMs: 1_000 });
    const calls = Array.from({ length: times }, () => {
      const call = request(`${engine.url}/sessions/s/send`, {
        method: "POST",
        headers: { "X-API-Key": engine.apiKey, "Content-Type": "application/json" },
      });
      return call.on("error", () => {}).end(JSON.stringify(body));
    });
    await until("all to be accepted", () => rows().length === before + times);
    for (const call of calls) call.destroy();
  }

  it("of a caller who went away gets the message of the first, and is told so; once more is another message", async () => {
    await goAway({ to, message: "hello" });
    const again = await send({ to, message: "hello" });
    expect(again, again.text).toMatchObject({ status: 200, body: { repeated: true, status: "sent" } });
    expect(again.body.messageId).toBe(rows()[0]?.["id"]);
    expect(await taken()).toHaveLength(1);

    const another = await send({ to, message: "hello" });
    expect(another.status).toBe(200);
    expect(another.text).not.toContain("repeated");
    expect(await taken()).toHaveLength(2);
  });

  it("is the same whatever the form of the number or the bytes of the form", async () => {
    const bytes = makePng(3);
    const upload = () => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ to: `+${to}`, type: "image", message: "see" }))
        form.set(name, value);
      form.set("file", new Blob([new Uint8Array(bytes)], { type: "image/png" }), "a.png");
      return form;
    };
    const media = { base64: bytes.toString("base64"), mimetype: "image/png", filename: "a.png" };
    await goAway({ to, type: "image", media, caption: "see" });
    const { engine } = stage;
    const again = await fetch(`${engine.url}/sessions/s/send`, {
      method: "POST",
      body: upload(),
      headers: { "X-API-Key": engine.apiKey },
    });
    expect(await again.json()).toMatchObject({ repeated: true, messageId: rows()[0]?.["id"] });
    expect(await taken()).toHaveLength(1);
  });

  it.each<[string, object]>([
    ["another text", { message: "hello!" }],
    ["another kind", { type: "location", location: { latitude: 1, longitude: 1 }, message: undefined }],
    ["another person", { to: "6281299999999" }],
    ["a key", { clientMessageId: "key" }],
  ])("with %s is another message", async (_, change) => {
    await goAway({ to, message: "hello" });
    const answer = await send({ to, message: "hello", ...change });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).not.toContain("repeated");
  });

  it("of a caller who was answered is another message, also while the first is under way", async () => {
    const both = await Promise.all([send({ to, message: "twice" }), send({ to, message: "twice" })]);
    const later = await send({ to, message: "twice" });
    expect(new Set([...both, later].map(({ body }) => body.messageId)).size).toBe(3);
    expect(await taken()).toHaveLength(3);
  });

  it("as often as there were callers who went away, each message once", async () => {
    await goAway({ to, message: "two" }, 2);
    const answers = await Promise.all([1, 2, 3].map(() => send({ to, message: "two" })));
    expect(answers.filter(({ text }) => text.includes("repeated"))).toHaveLength(2);
    expect(new Set(answers.map(({ body }) => body.messageId)).size).toBe(3);
    expect(await taken()).toHaveLength(3);
  });

  it("is sent anew where the first was not sent", async () => {
    await stage.simulator.control.fault({ kind: "throw", taken: false });
    await goAway({ to, message: "anew" });
    await until("the first to fail", () => rows()[0]?.["status"] === "failed");
    const again = await send({ to, message: "anew" });
    expect([again.status, again.text.includes("repeated")]).toEqual([200, false]);
    expect(await taken()).toHaveLength(1);
  });

  it("is another message once its time is over", async () => {
    await goAway({ to, message: "late" });
    await until("it to be noted", () => rows()[0]?.["unanswered_at"] !== null);
    await delay(WINDOW_SECONDS * 1_000);
    expect((await send({ to, message: "late" })).text).not.toContain("repeated");
  });

  it("after the engine was killed gets the message that was accepted before, and the time begins anew", async () => {
    await stage.simulator.control.fault({ kind: "late", ackMs: 2_000 });
    const lost = send({ to, message: "killed" }).catch(() => "no answer");
    await until("it to be handed over", () => rows()[0]?.["status"] === "sending");
    await stage.engine.kill("SIGKILL");
    expect(await lost).toBe("no answer");
    await delay(WINDOW_SECONDS * 1_000);
    await stage.engine.restart();
    await waitForStatus(stage.engine, "s", "connected");
    const again = await send({ to, message: "killed" });
    expect(again.body, again.text).toMatchObject({ repeated: true, messageId: rows()[0]?.["id"] });
    expect(await taken()).toHaveLength(1);
  });

  it("after the engine ended in order is the same only for who had no answer", async () => {
    expect((await send({ to, message: "answered" })).status).toBe(200);
    await goAway({ to, message: "gone" });
    await until("it to be noted", () => rows().some((row) => row["unanswered_at"] !== null));
    await stage.engine.restart();
    await waitForStatus(stage.engine, "s", "connected");
    expect((await send({ to, message: "answered" })).text).not.toContain("repeated");
    expect((await send({ to, message: "gone" })).body).toMatchObject({ repeated: true });
  });

  it("never where that is switched off", async () => {
    await stage.engine.restart({ REPEAT_SECONDS: "0" });
    await waitForStatus(stage.engine, "s", "connected");
    await goAway({ to, message: "off" });
    expect((await send({ to, message: "off" })).text).not.toContain("repeated");
    expect(await taken()).toHaveLength(2);
  });
});
