import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { Delivery, Webhook } from "@whatsapp-engine/contract/api";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { startReceiver, verify, type Received, type Receiver } from "../support/receiver.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ALLOWED = { WEBHOOK_ALLOW_PRIVATE: "true" };
/** Nothing listens there. */
const NOBODY = "http://127.0.0.1:1/hook";

let engine: Engine;
const receivers: Receiver[] = [];
const receive = async (answer: Receiver["answer"] = 200) => {
  const receiver = await startReceiver();
  receiver.answer = answer;
  receivers.push(receiver);
  return receiver;
};
afterEach(async () => {
  const { webhooks } = (await engine.api("GET /webhooks?limit=200")).body as unknown as {
    webhooks: Webhook[];
  };
  for (const { webhookId } of webhooks) await engine.api(`DELETE /webhooks/${webhookId}`);
  for (const receiver of receivers.splice(0)) await receiver.close();
});

type Created = { webhook: Webhook; secret: string };
const hook = async (body: Record<string, unknown>) => {
  const answer = await engine.api("POST /webhooks", body);
  expect(answer.status, answer.text).toBe(201);
  return answer.body as unknown as Created;
};

/** Two events: created, deleted. */
async function cycle(sessionId: string): Promise<void> {
  expect((await engine.api("POST /sessions", { sessionId })).status).toBe(201);
  expect((await engine.api(`DELETE /sessions/${sessionId}`)).status).toBe(200);
}
const newest = () =>
  Number(query(engine.dataDir, "select coalesce(max(id), 0) as id from events")[0]?.["id"]);
/** What the database has since then, of all sessions or of one. */
const stored = (after: number, sessionId?: string) =>
  query(engine.dataDir, "select id, session_id from events where id > ? order by id", after)
    .filter((row) => sessionId === undefined || row["session_id"] === sessionId)
    .map(({ id }) => Number(id));
const idsOf = (calls: readonly Received[]) => calls.map(({ event }) => event.id);
const inOrder = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);

/** The line of the administrator's view. */
const health = (webhookId: string) =>
  query(engine.dataDir, "select * from webhook_health where webhook = ?", webhookId)[0];

describe("webhooks", () => {
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: { ...ALLOWED, LOG_LEVEL: "trace" },
    });
  });
  afterAll(() => engine.stop());

  it("bring every event once, signed, in the order of its session", async () => {
    const receiver = await receive();
    const after = newest();
    const { secret } = await hook({ url: receiver.url });
    await Promise.all(
      ["o1", "o2", "o3"].map(async (session) => {
        for (let i = 0; i < 4; i++) await cycle(session);
      }),
    );
    await until("all events to arrive", () => receiver.calls.length >= stored(after).length);
    expect(inOrder(idsOf(receiver.calls))).toEqual(stored(after));
    for (const session of ["o1", "o2", "o3"]) {
      expect(receiver.of(session).map(({ id }) => id)).toEqual(stored(after, session));
    }
    for (const call of receiver.calls) expect(verify(call, secret)).toEqual(call.event);
    expect(new Set(receiver.calls.map(({ id }) => id)).size).toBe(receiver.calls.length);
    const [call] = receiver.calls;
    if (call) expect(() => verify({ ...call, body: call.body.replace("o", "0") }, secret)).toThrow();
    const page = (await engine.api(`GET /events?after=${after}&limit=1000`)).body as unknown as {
      events: unknown[];
    };
    expect(page.events).toContainEqual(call?.event);
  });

  it("say a secret once, take one of the caller's, and sign with both after a rotation", async () => {
    const receiver = await receive();
    const own = `whsec_${Buffer.from("a secret of the receiver's own!!").toString("base64")}`;
    const created = await hook({ url: receiver.url, secret: own });
    expect(created.secret).toBe(own);
    const { webhookId } = created.webhook;
    const rotated = (await engine.api(`POST /webhooks/${webhookId}/rotate-secret`))
      .body as unknown as Created;
    expect(rotated.secret).toMatch(/^whsec_.{40,}$/);
    expect(rotated.secret).not.toBe(own);
    await cycle("rotated");
    await until("both events", () => receiver.calls.length === 2);
    for (const call of receiver.calls) {
      verify(call, own);
      verify(call, rotated.secret);
      expect(() => verify(call, `whsec_${Buffer.alloc(32).toString("base64")}`)).toThrow();
    }
    for (const call of [`GET /webhooks/${webhookId}`, "GET /webhooks"]) {
      const { text } = await engine.api(call);
      expect(text).toContain(webhookId);
      expect(text).not.toMatch(/whsec_/);
    }
    expect(engine.output()).toContain("webhook created");
    expect(engine.output()).not.toMatch(/whsec_/);
  });

  it("are filtered by type and by session", async () => {
    const [ofType, ofSession] = [await receive(), await receive()];
    await hook({ url: ofType.url, events: ["session.deleted"] });
    await hook({ url: ofSession.url, sessionId: "f2" });
    for (const session of ["f1", "f2"]) await cycle(session);
    await until("what was asked for", () => ofType.calls.length === 2 && ofSession.calls.length === 2);
    expect(ofType.calls.map(({ event }) => [event.sessionId, event.type])).toEqual([
      ["f1", "session.deleted"],
      ["f2", "session.deleted"],
    ]);
    expect(ofSession.of("f2")).toHaveLength(2);
  });

  it("hold up nobody else where a receiver is dead or hangs", async () => {
    const hanging = await receive("hang");
    const after = newest();
    const [dead, slow] = [await hook({ url: NOBODY }), await hook({ url: hanging.url })];
    const fine = await receive();
    await hook({ url: fine.url });
    for (let i = 0; i < 6; i++) await cycle(`d${i % 2}`);
    await until("the one who is well to have all", () => fine.calls.length === stored(after).length, {
      timeoutMs: 9_000,
    });
    expect(idsOf(fine.calls)).toEqual(stored(after));
    expect(new Set(hanging.calls.map(({ event }) => event.sessionId)).size).toBe(hanging.calls.length);
    await until(
      "the dead one's trouble to be seen",
      () => health(dead.webhook.webhookId)?.["last_error"] !== null,
    );
    expect(health(dead.webhook.webhookId)).toMatchObject({
      url: NOBODY,
      enabled: "yes",
      waiting: stored(after).length,
      dead: 0,
      last_error: "cannot be reached (ECONNREFUSED)",
    });
    await until(
      "the hanging one to be given up for now",
      () => health(slow.webhook.webhookId)?.["last_error"] !== null,
    );
    expect(health(slow.webhook.webhookId)?.["last_error"]).toBe("did not answer within 10 s");
    // Who comes back gets all of it, in order.
    hanging.answer = 200;
    hanging.calls.length = 0;
    await until("the other one to have all", () => hanging.calls.length === stored(after).length);
    for (const session of ["d0", "d1"])
      expect(hanging.of(session).map(({ id }) => id)).toEqual(stored(after, session));
  });

  it("arrive after the engine was killed while the receiver was down, with the ids they had", async () => {
    const receiver = await receive(503);
    const after = newest();
    const { secret, webhook } = await hook({ url: receiver.url });
    for (const session of ["k1", "k2", "k1"]) await cycle(session);
    await until(
      "a first attempt for each session",
      () => new Set(receiver.calls.map(({ id }) => id)).size === 2,
    );
    const tried = new Map(receiver.calls.map(({ id, event }) => [event.id, id]));
    await engine.kill("SIGKILL");
    receiver.calls.length = 0;
    receiver.answer = 200;
    await engine.restart();
    await cycle("k2");
    await until("all events to arrive", () => receiver.calls.length >= stored(after).length);
    expect(inOrder(idsOf(receiver.calls))).toEqual(stored(after));
    for (const session of ["k1", "k2"])
      expect(receiver.of(session).map(({ id }) => id)).toEqual(stored(after, session));
    for (const [eventId, id] of tried)
      expect(receiver.calls.find(({ event }) => event.id === eventId)?.id).toBe(id);
    for (const call of receiver.calls) verify(call, secret);
    await until("nothing to wait", () => health(webhook.webhookId)?.["waiting"] === 0);
  });

  it("bring an event again, with the same id, where the engine was killed before it knew that it had arrived", async () => {
    const receiver = await receive("hang");
    await hook({ url: receiver.url });
    await cycle("twice");
    await until("the first to be under way", () => receiver.calls.length === 1);
    await engine.kill("SIGKILL");
    receiver.answer = 200;
    await engine.restart();
    await until("all to arrive", () => receiver.calls.length === 3);
    expect(receiver.of("twice").map(({ seq }) => seq)).toEqual([1, 1, 2]);
    expect(receiver.calls[0]?.id).toBe(receiver.calls[1]?.id);
    expect(receiver.calls[2]?.id).not.toBe(receiver.calls[1]?.id);
  });

  it("bring an event again, with the same id, where an administrator held the database as it arrived", async () => {
    const receiver = await receive();
    const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    receiver.answer = (_, response) => {
      if (receiver.calls.length === 1) sqlite.exec("begin immediate");
      response.end();
    };
    await hook({ url: receiver.url, events: ["session.created"] });
    await engine.api("POST /sessions", { sessionId: "held" });
    await until("the engine to say so", () =>
      engine.output().includes("a webhook's deliveries cannot go on"),
    );
    sqlite.close();
    await until("it to be delivered", () => receiver.calls.length === 2);
    expect(receiver.calls[0]?.id).toBe(receiver.calls[1]?.id);
    await engine.api("DELETE /sessions/held");
    await cycle("held");
    await until("what follows", () => receiver.calls.length === 3);
    expect(receiver.of("held").map(({ seq }) => seq)[2]).toBeGreaterThan(2);
  });

  it("are tested right now, also while disabled, and say what the receiver said", async () => {
    const receiver = await receive();
    const { webhook, secret } = await hook({ url: receiver.url });
    const path = `/webhooks/${webhook.webhookId}`;
    await engine.api(`PATCH ${path}`, { enabled: false });
    const test = async () => (await engine.api(`POST ${path}/test`)).body;
    expect(await test()).toMatchObject({ success: true, delivered: true, status: 200, body: "said 200" });
    const [call] = receiver.calls;
    expect(call && verify(call, secret)).toMatchObject({ type: "webhook.test", seq: 0 });
    receiver.answer = 500;
    expect(await test()).toMatchObject({
      delivered: false,
      status: 500,
      error: "answered 500",
      body: "said 500",
    });
    receiver.answer = (_, response) => void response.writeHead(302, { Location: receiver.url }).end();
    const calls = receiver.calls.length;
    expect(await test()).toMatchObject({
      delivered: false,
      status: 302,
      error: "answered 302; redirects are not followed",
    });
    expect(receiver.calls).toHaveLength(calls + 1);
    await engine.api(`PATCH ${path}`, { url: NOBODY });
    expect(await test()).toMatchObject({ delivered: false, status: null, body: null });
  });

  it("keep what waits while disabled, and get nothing new", async () => {
    const receiver = await receive(500);
    const { webhook } = await hook({ url: receiver.url });
    const path = `/webhooks/${webhook.webhookId}`;
    await cycle("off");
    await until("an attempt", () => receiver.calls.length === 1);
    await engine.api(`PATCH ${path}`, { enabled: false });
    await cycle("off");
    receiver.answer = 200;
    receiver.calls.length = 0;
    await engine.api(`PATCH ${path}`, { enabled: true, events: ["session.created"] });
    await until("what waited", () => receiver.calls.length === 2);
    await cycle("on");
    await until("what is new, and asked for", () => receiver.of("on").length > 0);
    expect(receiver.calls.map(({ event }) => [event.sessionId, event.type])).toEqual([
      ["off", "session.created"],
      ["off", "session.deleted"],
      ["on", "session.created"],
    ]);
    const { deliveries } = (await engine.api(`GET ${path}/deliveries?state=delivered`)).body as unknown as {
      deliveries: Delivery[];
    };
    expect(deliveries.map(({ deliveryId }) => deliveryId)).toEqual(
      receiver.calls.map(({ id }) => id).toReversed(),
    );
    expect(deliveries[0]).toMatchObject({
      sessionId: "on",
      type: "session.created",
      lastStatus: 200,
      attempts: 1,
    });
  });

  it("list their deliveries page by page, and send dead ones again", async () => {
    const { webhook } = await hook({ url: NOBODY });
    const path = `/webhooks/${webhook.webhookId}/deliveries`;
    for (let i = 0; i < 3; i++) await cycle("p");
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const answer = await engine.api(`GET ${path}?state=waiting&limit=2${cursor && `&cursor=${cursor}`}`);
      const page = answer.body as unknown as { deliveries: Delivery[]; nextCursor: string | null };
      seen.push(...page.deliveries.map(({ deliveryId }) => deliveryId));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(6);
    const codeOf = async (call: string) => {
      const { status, body } = await engine.api(call);
      return [status, body.error?.code];
    };
    expect((await engine.api(`POST ${path}/replay`)).body).toMatchObject({ success: true, replayed: 0 });
    expect(await codeOf(`POST ${path}/${seen[0]}/replay`)).toEqual([409, "delivery_not_dead"]);
    expect(await codeOf(`POST ${path}/dlv_1_0/replay`)).toEqual([404, "delivery_not_found"]);
    expect(await codeOf(`GET ${path}?cursor=x`)).toEqual([400, "invalid_cursor"]);
  });

  it("are gone with all they had when they are deleted", async () => {
    const { webhook } = await hook({ url: NOBODY });
    const path = `/webhooks/${webhook.webhookId}`;
    await cycle("g");
    expect((await engine.api(`DELETE ${path}`)).status).toBe(200);
    for (const call of [
      `GET ${path}`,
      `PATCH ${path}`,
      `DELETE ${path}`,
      `POST ${path}/test`,
      `POST ${path}/rotate-secret`,
      `GET ${path}/deliveries`,
      `POST ${path}/deliveries/replay`,
    ]) {
      const { status, body } = await engine.api(call, call.startsWith("PATCH") ? {} : undefined);
      expect([call, status, body.error?.code]).toEqual([call, 404, "webhook_not_found"]);
    }
    await until("its deliveries to be removed", () => {
      const id = webhook.webhookId;
      return (
        [
          ...query(engine.dataDir, "select id from deliveries where webhook_id = ?", id),
          ...query(engine.dataDir, "select id from webhooks where id = ?", id),
        ].length === 0
      );
    });
  });

  it.each([
    ["another scheme", { url: "ftp://example.com/" }, "webhook_url_refused", "url"],
    ["no address", { url: "example.com" }, "webhook_url_refused", "url"],
    ["a password in it", { url: "http://u:p@example.com/" }, "webhook_url_refused", "url"],
    ["an event that is not known", { url: NOBODY, events: ["lunch"] }, "invalid_request", "events.0"],
    ["no event at all", { url: NOBODY, events: [] }, "invalid_request", "events"],
    ["a weak secret", { url: NOBODY, secret: "whsec_MTIz" }, "invalid_request", "secret"],
    ["a field that is not known", { url: NOBODY, secrets: [] }, "invalid_request", "secrets"],
  ])("are refused with %s", async (_, body, code, field) => {
    const answer = await engine.api("POST /webhooks", body);
    expect([answer.status, answer.body.error?.code]).toEqual([400, code]);
    expect(answer.body.error?.details.map((detail) => detail.field)).toContain(field);
  });
});

describe("webhooks where private targets are not allowed", () => {
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true, settings: ALLOWED });
  });
  afterAll(() => engine.stop());

  it("are refused when made, and at every connection", async () => {
    const receiver = await receive();
    const byName = receiver.url.replace("127.0.0.1", "localhost");
    const made = [await hook({ url: receiver.url }), await hook({ url: byName })];
    await engine.restart({ WEBHOOK_ALLOW_PRIVATE: "false" });
    for (const url of [
      receiver.url,
      byName,
      "http://[::1]:1/",
      "http://169.254.169.254/",
      "http://10.0.0.1/",
    ]) {
      const answer = await engine.api("POST /webhooks", { url });
      expect([url, answer.status, answer.body.error?.code]).toEqual([url, 400, "webhook_url_refused"]);
      const id = made[0]?.webhook.webhookId;
      expect((await engine.api(`PATCH /webhooks/${id}`, { url })).body.error?.code).toBe(
        "webhook_url_refused",
      );
    }
    await cycle("private");
    for (const { webhook } of made) {
      const refused = "points to a private or local address; WEBHOOK_ALLOW_PRIVATE=true permits that";
      const test = await engine.api(`POST /webhooks/${webhook.webhookId}/test`);
      expect(test.body).toMatchObject({ delivered: false, error: refused });
      await until("the attempt", () => health(webhook.webhookId)?.["last_error"] === refused);
    }
    expect(receiver.calls).toEqual([]);
  });
});

describe("webhooks of a linked session", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", ALLOWED);
    ({ engine } = stage);
  });
  afterAll(() => stage.close());

  it("tell how it came to be connected, and what came in", async () => {
    const receiver = await receive();
    await hook({ url: receiver.url, sessionId: "linked" });
    await linkSession(engine, stage.simulator, "linked", "6281234567890");
    await stage.simulator.control.deliver("6281234567890", { from: "6281200000001", body: "Halo" });
    await until("the message", () => receiver.of("linked").some(({ type }) => type === "message.received"));
    const statuses = receiver.of("linked").flatMap(({ data }) => ("status" in data ? data.status : []));
    expect(statuses.slice(-2)).toEqual(["authenticated", "connected"]);
    expect(receiver.of("linked").at(-1)?.data).toMatchObject({ body: "Halo" });
    const seqs = receiver.of("linked").map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  });
});
