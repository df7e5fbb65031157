import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import Sqlite from "better-sqlite3";
import { join } from "node:path";
import { query } from "../support/database.ts";
import type { Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

const hibernated = { status: "disconnected", reason: "hibernated" };

onEachRuntime("hibernation", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage.close());

  const hibernate = () => stage.engine.api("POST /sessions/s/hibernate");
  const send = (message: string, more: object = {}) =>
    stage.engine.api("POST /sessions/s/send", { to: FRIEND, message, ...more });
  const taken = async (wanted: string) =>
    (await takenBy(stage.simulator, ACCOUNT, FRIEND)).filter(({ body }) => body === wanted).length;

  it("frees the runner and keeps the login; a message wakes it and goes out, as do others that come meanwhile", async () => {
    expect(await hibernate()).toMatchObject({
      status: 200,
      body: { session: { ...hibernated, phoneNumber: ACCOUNT } },
    });
    expect(await runnersOf(stage.engine)).toEqual([]);
    expect(await hibernate()).toMatchObject({ status: 200, body: { session: hibernated } });
    expect((await stage.engine.api("GET /sessions/s/qr")).body).toMatchObject({
      qr: null,
      reason: "hibernated",
    });

    const before = lastSeq(stage.engine, "s");
    const first = send("first");
    await waitForStatus(stage.engine, "s", { status: "connecting", reason: "waking" });
    const answers = await Promise.all([first, send("second")]);
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, body: { success: true, status: "sent" } });
    // Without a code, and on all the way such that a caller may send.
    const seen = statusEvents(stage.engine, "s", before).map(({ status, reason }) => ({ status, reason }));
    expect(seen.at(-1)).toEqual({ status: "connected", reason: null });
    for (const { status, reason } of seen.slice(0, -1)) {
      expect(["connecting", "authenticated"]).toContain(status);
      expect(reason).toBe("waking");
    }
    expect([await taken("first"), await taken("second")]).toEqual([1, 1]);
    expect(await runnersOf(stage.engine)).toHaveLength(1);
  });

  it("is told at the next waking what came in meanwhile; start wakes it too", async () => {
    await waitForStatus(stage.engine, "s", "connected");
    await hibernate();
    const before = lastSeq(stage.engine, "s");
    await stage.simulator.control.deliver(ACCOUNT, { from: FRIEND, body: "are you there?" });
    expect((await stage.engine.api("POST /sessions/s/start")).body.session).toMatchObject({
      status: "connecting",
      reason: "waking",
    });
    await waitForStatus(stage.engine, "s", "connected");
    await until("the message to be told", () =>
      query(
        stage.engine.dataDir,
        "select data from events where session_id = 's' and seq > ? and type = 'message.received'",
        before,
      ).some(({ data }) => String(data).includes("are you there?")),
    );
  });

  it("a scheduled message wakes it at its time, and not before", async () => {
    await waitForStatus(stage.engine, "s", "connected");
    const scheduledAt = new Date(Date.now() + 150_000).toISOString();
    const { messageId } = (await send("later", { scheduledAt })).body;
    expect((await hibernate()).status).toBe(200);
    const sqlite = new Sqlite(join(stage.engine.dataDir, "engine.sqlite"));
    sqlite.prepare("update messages set scheduled_at = ? where id = ?").run(Date.now() - 1, messageId);
    sqlite.close();
    await until("the message to go out", async () => (await taken("later")) === 1, { timeoutMs: 60_000 });
  });

  it("is refused while a message is due soon; one of a bulk that is paused does not count", async () => {
    const { engine } = stage;
    await engine.api("POST /sessions/s/start");
    await waitForStatus(engine, "s", "connected");
    const scheduledAt = new Date(Date.now() + 100_000).toISOString();
    const made = await engine.api("POST /sessions/s/messages/bulk", {
      recipients: [FRIEND],
      message: "never",
      scheduledAt,
    });
    expect(made.status, made.text).toBe(202);
    const { bulkId } = made.body.bulk!;
    const refused = await hibernate();
    expect(refused).toMatchObject({ status: 409, body: { error: { code: "session_busy" } } });
    expect(refused.headers["retry-after"]).toBe("10");
    expect(await runnersOf(engine)).toHaveLength(1);
    const paused = await engine.api(`POST /sessions/s/messages/bulk/${bulkId}/pause`);
    expect(paused.status, paused.text).toBe(200);
    expect(await hibernate()).toMatchObject({ status: 200, body: { session: hibernated } });
    await engine.api(`POST /sessions/s/messages/bulk/${bulkId}/cancel`);
    await engine.api("POST /sessions/s/start");
  });

  it("is stopped for good by stop, and nothing of it is left by a deletion", async () => {
    await waitForStatus(stage.engine, "s", "connected");
    await hibernate();
    expect((await stage.engine.api("POST /sessions/s/stop")).body.session).toMatchObject({
      status: "disconnected",
      reason: "stopped",
    });
    expect((await send("no")).body.error).toMatchObject({ code: "session_not_connected" });
    expect((await hibernate()).body.error).toMatchObject({ code: "session_not_connected" });
    await stage.engine.api("POST /sessions/s/start");
    await waitForStatus(stage.engine, "s", "connected");
    await hibernate();
    expect((await stage.engine.api("DELETE /sessions/s")).status).toBe(200);
    expect(await runnersOf(stage.engine)).toEqual([]);
    expect(query(stage.engine.dataDir, "select id from profiles")).toEqual([]);
  });
});

describe("hibernation by itself", () => {
  let stage: Stage;
  let engine: Engine;
  beforeAll(async () => {
    stage = await startStage("process", { HIBERNATE_AFTER_MINUTES: "10", MAX_SESSIONS: "2" });
    ({ engine } = stage);
    await linkSession(engine, stage.simulator, "a", ACCOUNT);
    await linkSession(engine, stage.simulator, "b", "6281234567891");
  });
  afterAll(() => stage.close());
  afterEach(async () => {
    for (const id of ["a", "b"]) await engine.api(`POST /sessions/${id}/start`);
    await Promise.all(["a", "b"].map((id) => waitForStatus(engine, id, "connected")));
  });

  /** As if so much time had gone by. */
  function pass(minutes: number, sessionId: string): void {
    const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    const ms = minutes * 60_000;
    sqlite.prepare("update events set at = at - ? where session_id = ?").run(ms, sessionId);
    sqlite.prepare("update sessions set updated_at = updated_at - ? where id = ?").run(ms, sessionId);
    sqlite.close();
  }

  it("closes the session that nobody used for its time, and leaves one that has time of its own", async () => {
    const own = await engine.api("PATCH /sessions/b", { hibernateAfterMinutes: 60 });
    expect(own).toMatchObject({ status: 200, body: { session: { hibernateAfterMinutes: 60 } } });
    pass(11, "b");
    pass(11, "a");
    await waitForStatus(engine, "a", hibernated);
    await until("its runner to be gone", async () => (await runnersOf(engine)).length === 1);
    expect((await engine.api("GET /sessions/b/status")).body).toMatchObject({ status: "connected" });
    expect((await engine.api("PATCH /sessions/b", { hibernateAfterMinutes: null })).status).toBe(200);
    for (const bad of [{ hibernateAfterMinutes: -1 }, { hibernateAfterMinutes: "1" }, { other: 1 }])
      expect((await engine.api("PATCH /sessions/b", bad)).body.error?.code).toBe("invalid_request");
  });

  it("keeps a message for which there is no room to wake its session, says so, and sends it once there is", async () => {
    await engine.api("POST /sessions/a/hibernate");
    await engine.api("POST /sessions/create", { sessionId: "c" });
    const answer = await engine.api("POST /sessions/a/send", { to: FRIEND, message: "wait", async: true });
    expect(answer.status).toBe(202);
    const { detail } = (await engine.api("GET /sessions/a/status")).body as { detail?: string };
    expect(detail).toContain("MAX_SESSIONS");
    await engine.api("DELETE /sessions/c");
    await waitForStatus(engine, "a", "connected");
    await until("the message to go out", async () =>
      (await takenBy(stage.simulator, ACCOUNT, FRIEND)).some(({ body }) => body === "wait"),
    );
  });

  it("says no more that there is no room once no message waits", async () => {
    await engine.api("POST /sessions/a/hibernate");
    await engine.api("POST /sessions/create", { sessionId: "c" });
    const { messageId } = (
      await engine.api("POST /sessions/a/send", { to: FRIEND, message: "no", async: true })
    ).body;
    const detail = async () => (await engine.api("GET /sessions/a/status")).body.detail;
    expect(await detail()).toContain("MAX_SESSIONS");
    expect((await engine.api(`POST /sessions/a/messages/${messageId}/cancel`)).status).toBe(200);
    await until("it to say so", async () => (await detail()) === null);
    expect((await engine.api("GET /sessions/a/status")).body).toMatchObject(hibernated);
    await engine.api("DELETE /sessions/c");
  });

  it("is asleep after a restart of the engine, and awake where a message had come", async () => {
    await engine.api("POST /sessions/a/hibernate");
    await engine.api("POST /sessions/b/hibernate");
    const before = lastSeq(engine, "a");
    await engine.kill("SIGKILL");
    const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    sqlite
      .prepare(
        `insert into messages (id, session_id, recipient, type, body, status, position, attempts, created_at, updated_at)
         values ('m', 'b', ?, 'text', 'left', 'queued', 1, 0, 1, 1)`,
      )
      .run(FRIEND);
    sqlite.close();
    await engine.restart();
    await waitForStatus(engine, "b", "connected");
    expect((await engine.api("GET /sessions/a/status")).body).toMatchObject(hibernated);
    expect(lastSeq(engine, "a")).toBe(before);
  });
});
