import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "@whatsapp-engine/contract/api";
import { query } from "../support/database.ts";
import { makePng, sha256 } from "../support/media.ts";
import { linkSession, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { killRunner, loginIsOnDisk } from "../support/runner.ts";

const ACCOUNT = "6281234567890";
const OTHER = "6281234567899";
const png = makePng(1);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process", { SEND_TIMEOUT_SECONDS: "4", QUEUE_MAX_MESSAGES: "60" });
  await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  await loginIsOnDisk(stage.engine, "s");
});
afterAll(() => stage?.close());

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  stage.engine.api(`POST /sessions/${path}`, body, { headers });
const later = (sessionId: string, to: string, message: string, more: object = {}) =>
  post(`${sessionId}/send`, { to, message, async: true, ...more });

async function get(sessionId: string, messageId: string | undefined): Promise<Message> {
  const { body } = await stage.engine.api(`GET /sessions/${sessionId}/messages/${messageId}`);
  return body.message!;
}

const becomes = (sessionId: string, messageId: string | undefined, status: string) =>
  until(
    `message to be ${status}`,
    async () => {
      const message = await get(sessionId, messageId);
      return message.status === status ? message : undefined;
    },
    { timeoutMs: 45_000, seen: () => query(stage.engine.dataDir, "select status, error_code from messages") },
  );

const bodiesTaken = async (account: string, to: string) =>
  (await takenBy(stage.simulator, account, to)).map(({ body }) => body);

describe("a message that need not go out at once", () => {
  it("is accepted while its session is down, and goes out when it is connected, in the order it came", async () => {
    await post("create", { sessionId: "down", phoneNumber: OTHER });
    const to = "6281400000001";
    const texts = Array.from({ length: 12 }, (_, n) => `text ${n}`);
    const ids: (string | undefined)[] = [];
    for (const text of texts) {
      const answer = await later("down", to, text);
      expect(answer).toMatchObject({ status: 202, body: { status: "queued", message: { attempts: 0 } } });
      ids.push(answer.body.messageId);
    }
    await scan(stage.engine, stage.simulator, "down", OTHER);
    for (const id of ids) await becomes("down", id, "sent");
    expect(await bodiesTaken(OTHER, to)).toEqual(texts);
  });

  it("says the same by the header Prefer, and shows what became of it", async () => {
    const to = "6281400000002";
    const answer = await post("s/send", { to, message: "hi" }, { Prefer: "respond-async" });
    expect(answer.status).toBe(202);
    const message = await becomes("s", answer.body.messageId, "sent");
    expect(message).toMatchObject({ to, text: "hi", type: "text", error: null, attempts: 1 });
    const { body } = await stage.engine.api(`GET /sessions/s/messages?to=${to}`);
    expect(body.messages).toEqual([message]);
    const [{ data } = { data: "{}" }] = query(
      stage.engine.dataDir,
      "select data from events where type = 'message.status' and json_extract(data, '$.messageId') = ?",
      answer.body.messageId ?? "",
    );
    expect(JSON.parse(String(data))).toMatchObject({ status: "sent", to, whatsappId: message.whatsappId });
  });

  it("outlives a kill of the engine before it went out, media and all", async () => {
    const to = "6281400000003";
    await stage.simulator.control.fault({ kind: "late", ackMs: 700 }, { to });
    const media = { base64: png.toString("base64"), mimetype: "image/png" };
    const answers = await Promise.all(
      ["a", "b", "c"].map((caption) => later("s", to, "", { type: "image", media, caption })),
    );
    await stage.engine.kill("SIGKILL");
    await stage.engine.restart();
    await waitForStatus(stage.engine, "s", "connected");
    for (const { body } of answers) await becomes("s", body.messageId, "sent");
    const taken = await takenBy(stage.simulator, ACCOUNT, to);
    expect(taken.map(({ caption }) => caption).toSorted()).toEqual(["a", "b", "c"]);
    expect(taken.every(({ mediaSha256 }) => mediaSha256 === sha256(png))).toBe(true);
    await stage.simulator.control.clearFaults();
  });

  it("waits for its time, and can be cancelled until then", async () => {
    const soon = await later("s", "6281400000004", "soon", {
      scheduledAt: new Date(Date.now() + 1_500).toISOString(),
    });
    const never = await later("s", "6281400000004", "never", {
      scheduledAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    expect(soon.body.message).toMatchObject({ status: "queued" });
    const cancelled = await post(`s/messages/${never.body.messageId}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { message: { status: "cancelled" } } });
    const sent = await becomes("s", soon.body.messageId, "sent");
    const [row] = query(
      stage.engine.dataDir,
      "select handed_at, scheduled_at from messages where id = ?",
      sent.messageId,
    );
    expect(Number(row?.["handed_at"])).toBeGreaterThanOrEqual(Number(row?.["scheduled_at"]));
    expect(await post(`s/messages/${sent.messageId}/cancel`)).toMatchObject({
      status: 409,
      body: { error: { code: "message_not_queued", status: "sent" } },
    });
    expect(await bodiesTaken(ACCOUNT, "6281400000004")).toEqual(["soon"]);
  });

  it("ends when its time is over, and is not sent afterwards", async () => {
    await post("create", { sessionId: "never-linked" });
    const answer = await later("never-linked", "6281400000005", "too late", {
      expiresAt: new Date(Date.now() + 800).toISOString(),
    });
    await becomes("never-linked", answer.body.messageId, "expired");
    const key = { clientMessageId: "ends" };
    const cancelled = await later("never-linked", "6281400000005", "never mind", key);
    expect(cancelled.status).toBe(202);
    await post(`never-linked/messages/${cancelled.body.messageId}/cancel`);
    expect(await later("never-linked", "6281400000005", "never mind", key)).toMatchObject({
      status: 409,
      body: { error: { code: "message_cancelled", messageId: cancelled.body.messageId } },
    });
    const past = await later("s", "6281400000005", "x", { expiresAt: "2020-01-01T00:00:00Z" });
    expect(past).toMatchObject({ status: 400, body: { error: { details: [{ field: "expiresAt" }] } } });
  });

  it("is refused, and never said to be accepted, when it ends while its caller waits", async () => {
    const to = "6281400000007";
    const asleep = async () => {
      const answer = await post("s/hibernate");
      expect(answer.status, answer.text).toBe(200);
      await waitForStatus(stage.engine, "s", { status: "disconnected", reason: "hibernated" });
    };
    await asleep();
    const expiresAt = new Date(Date.now() + 300).toISOString();
    const expired = await post("s/send", { to, message: "too late", expiresAt });
    expect(expired).toMatchObject({ status: 422, body: { error: { code: "message_expired" } } });
    await waitForStatus(stage.engine, "s", "connected");

    await asleep();
    const sending = post("s/send", { to, message: "never mind" });
    const waiting = await until("the message to wait", async () => {
      const { body } = await stage.engine.api("GET /sessions/s/messages?status=queued");
      return (body as { messages?: Message[] }).messages?.[0];
    });
    expect((await post(`s/messages/${waiting.messageId}/cancel`)).status).toBe(200);
    const cancelled = await sending;
    expect(cancelled).toMatchObject({
      status: 409,
      body: { error: { code: "message_cancelled", messageId: waiting.messageId } },
    });
    await waitForStatus(stage.engine, "s", "connected");
    expect(await bodiesTaken(ACCOUNT, to)).toEqual([]);
  });

  it("goes with its session when that is deleted", async () => {
    await post("create", { sessionId: "gone" });
    const answer = await later("gone", "6281400000006", "x");
    await stage.engine.api("DELETE /sessions/gone");
    await becomes("gone", answer.body.messageId, "cancelled");
    const unknown = await later("nobody", "6281400000006", "x");
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: "session_not_found" } } });
  });

  it("is refused when too many wait already", async () => {
    await post("create", { sessionId: "full" });
    const bulk = { recipients: Array.from({ length: 60 }, (_, n) => `62814100000${10 + n}`), message: "x" };
    expect((await post("full/messages/bulk", bulk)).status).toBe(202);
    const refused = await later("full", "6281400000007", "one too many");
    expect(refused).toMatchObject({ status: 429, body: { error: { code: "queue_full" } } });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(query(stage.engine.dataDir, "select 1 from messages where session_id = 'full'")).toHaveLength(60);
    await stage.engine.api("DELETE /sessions/full");
  });
});

describe("a key for each message", () => {
  it("answers the same again, also after a restart, and sends once", async () => {
    const to = "6281400000010";
    const send = (message = "once") => post("s/send", { to, message }, { "Idempotency-Key": "order-1" });
    const both = await Promise.all([send(), send()]);
    await stage.engine.restart();
    await waitForStatus(stage.engine, "s", "connected");
    const again = await send();
    for (const answer of [...both, again]) {
      expect(answer).toMatchObject({ status: 200, body: { status: "sent" } });
      expect(answer.body.messageId).toBe(both[0]!.body.messageId);
    }
    expect(await bodiesTaken(ACCOUNT, to)).toEqual(["once"]);
    expect(await send("twice")).toMatchObject({
      status: 409,
      body: { error: { code: "idempotency_conflict" } },
    });
    const inBody = await post("s/send", { to, message: "once", clientMessageId: "order-1" });
    expect(inBody.body.messageId).toBe(both[0]!.body.messageId);
  });
});

describe("a bulk", () => {
  it("is accepted as a whole or not at all", async () => {
    const bad = await post("s/messages/bulk", {
      message: "x",
      recipients: ["6281400000020", "nobody", { to: "+62 814-0000-0020" }],
    });
    expect(bad).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
    expect(bad.body.error?.details.map(({ field }) => field)).toEqual(["recipients.1", "recipients.2.to"]);
    const tooMany = await post("s/messages/bulk", {
      message: "x",
      recipients: Array.from({ length: 1_001 }, () => "6281400000020"),
    });
    expect(tooMany.status).toBe(400);
    expect(query(stage.engine.dataDir, "select 1 from bulks where session_id = 's'")).toEqual([]);
  });

  it("gives each message its own text and outcome, and comes once under its key", async () => {
    const body = {
      message: "Hello",
      recipients: ["6281400000021", { to: "6281400000022", message: "Hi Budi", clientMessageId: "b-22" }],
      clientBulkId: "campaign-1",
    };
    const first = await post("s/messages/bulk", body);
    expect(first).toMatchObject({ status: 202, body: { bulk: { state: "running", total: 2 } } });
    const again = await post("s/messages/bulk", body);
    expect(again.body.bulk?.bulkId).toBe(first.body.bulk?.bulkId);
    for (const { messageId } of first.body.messages ?? []) await becomes("s", messageId, "sent");
    expect(await bodiesTaken(ACCOUNT, "6281400000021")).toEqual(["Hello"]);
    expect(await bodiesTaken(ACCOUNT, "6281400000022")).toEqual(["Hi Budi"]);
    const { body: after } = await stage.engine.api(
      `GET /sessions/s/messages/bulk/${first.body.bulk?.bulkId}`,
    );
    expect(after.bulk).toMatchObject({ counts: { sent: 2 }, finished: true });
  });

  it("can be paused, resumed and cancelled", async () => {
    const recipients = Array.from({ length: 10 }, (_, n) => `628140000003${n}`);
    await post("create", { sessionId: "bulk", phoneNumber: "6281234567898" });
    const made = await post("bulk/messages/bulk", { message: "x", recipients });
    const bulk = made.body.bulk?.bulkId;
    const paused = await post(`bulk/messages/bulk/${bulk}/pause`);
    expect(paused.body.bulk).toMatchObject({ state: "paused", counts: { queued: 10 }, finished: false });
    await scan(stage.engine, stage.simulator, "bulk", "6281234567898");
    await waitForStatus(stage.engine, "bulk", "connected");
    // What is not part of it passes it by.
    expect((await post("bulk/send", { to: "6281400000040", message: "y" })).status).toBe(200);
    expect(await stage.simulator.control.sent("6281234567898")).toHaveLength(1);
    await post(`bulk/messages/bulk/${bulk}/resume`);
    for (const { messageId } of made.body.messages ?? []) await becomes("bulk", messageId, "sent");
    const second = await post("bulk/messages/bulk", {
      message: "z",
      recipients,
      scheduledAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const ended = await post(`bulk/messages/bulk/${second.body.bulk?.bulkId}/cancel`);
    expect(ended.body.bulk).toMatchObject({ state: "cancelled", counts: { cancelled: 10 }, finished: true });
    expect(await post(`bulk/messages/bulk/${second.body.bulk?.bulkId}/resume`)).toMatchObject({
      status: 409,
      body: { error: { code: "bulk_ended" } },
    });
  });
});

describe("what cannot be known", () => {
  it("is sent again by nobody but the caller", async () => {
    const to = "6281400000050";
    await stage.simulator.control.fault({ kind: "strand" }, { to });
    const answer = await post("s/send", { to, message: "maybe" });
    const { messageId } = answer.body;
    expect(answer).toMatchObject({ status: 202, body: { status: "unknown" } });
    await stage.simulator.control.clearFaults();
    await killRunner(stage.engine, "s");
    await waitForStatus(stage.engine, "s", "connected");
    await stage.engine.restart();
    await waitForStatus(stage.engine, "s", "connected");
    expect(await bodiesTaken(ACCOUNT, to)).toEqual([]);
    expect((await get("s", messageId)).status).toBe("unknown");

    const repeated = await post(`s/messages/${messageId}/retry`);
    expect(repeated.status).toBe(202);
    expect(repeated.body.message?.messageId).not.toBe(messageId);
    await becomes("s", repeated.body.message?.messageId, "sent");
    expect(await bodiesTaken(ACCOUNT, to)).toEqual(["maybe"]);
    expect(await post(`s/messages/${repeated.body.message?.messageId}/retry`)).toMatchObject({
      status: 409,
      body: { error: { code: "message_not_retryable" } },
    });
  });

  it("never holds up another chat", async () => {
    const stuck = "6281400000051";
    await stage.simulator.control.fault({ kind: "hang", taken: false }, { to: stuck });
    const waiting = await later("s", stuck, "hangs");
    const answer = await post("s/send", { to: "6281400000052", message: "goes" });
    expect(answer).toMatchObject({ status: 200, body: { status: "sent" } });
    expect((await get("s", waiting.body.messageId)).status).toBe("sending");
    await stage.simulator.control.clearFaults();
  });
});

describe("pace", () => {
  it("lets messages wait for their turn, and tells a caller who waited long that it waits on", async () => {
    await post("create", { sessionId: "slow", phoneNumber: "6281234567897" });
    await scan(stage.engine, stage.simulator, "slow", "6281234567897");
    await waitForStatus(stage.engine, "slow", "connected");
    const set = await stage.engine.api("PUT /sessions/slow/pace", { pauseMs: 1_000 });
    expect(set.status).toBe(200);
    const answers = await Promise.all(
      [1, 2, 3].map((n) => later("slow", `628140000006${n}`, "x").then(({ body }) => body.messageId)),
    );
    for (const id of answers) await becomes("slow", id, "sent");
    const times = query(
      stage.engine.dataDir,
      "select handed_at from messages where session_id = 'slow' order by handed_at",
    ).map((row) => Number(row["handed_at"]));
    for (const n of [1, 2]) expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(1_000);

    await stage.engine.api("PUT /sessions/slow/pace", { pauseMs: 3_600_000 });
    const waits = await post("slow/send", { to: "6281400000064", message: "x" });
    expect(waits).toMatchObject({ status: 202, body: { status: "queued" } });
    await stage.engine.restart();
    await waitForStatus(stage.engine, "slow", "connected");
    // Another session's message passes it, so that the slow one would have had its chance.
    await waitForStatus(stage.engine, "s", "connected");
    expect((await post("s/send", { to: "6281400000065", message: "x" })).status).toBe(200);
    expect((await get("slow", waits.body.messageId)).status).toBe("queued");
    await stage.engine.api("PUT /sessions/slow/pace", { pauseMs: 0 });
    await becomes("slow", waits.body.messageId, "sent");
  });
});
