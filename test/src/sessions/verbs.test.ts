import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { unlinkDetails } from "@whatsapp-engine/contract/api";
import { query, snapshot } from "../support/database.ts";
import { startDockerProxy, type DockerProxy } from "../support/docker-proxy.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk, runnersOf } from "../support/runner.ts";
import { onDocker, onEachRuntime } from "../support/runtimes.ts";
import { linkSession, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";
const VERBS = ["start", "stop", "restart", "logout"] as const;

onEachRuntime("starting, stopping and logging out", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterEach(async () => {
    await stage.simulator.control.configure({ actions: "take" });
    await stage.engine.api("DELETE /sessions/s");
    expect(await runnersOf(stage.engine)).toEqual([]);
  });
  afterAll(() => stage.close());

  const link = () => linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  const call = (verb: (typeof VERBS)[number]) => stage.engine.api(`POST /sessions/s/${verb}`);
  const row = () => query(stage.engine.dataDir, "select * from sessions where id = 's'")[0]!;
  const linkedDevices = () => stage.simulator.control.linkedDevices(ACCOUNT);
  const taken = async () => (await takenBy(stage.simulator, ACCOUNT, FRIEND)).map(({ body }) => body);
  const noRunnerIsLeft = () =>
    until("the runner to be gone", async () => (await runnersOf(stage.engine)).length === 0);

  /** Accepts a message for later. Answers its id. */
  async function queue(message: string): Promise<string> {
    const answer = await stage.engine.api("POST /sessions/s/send", { to: FRIEND, message, async: true });
    expect(answer.status, answer.text).toBe(202);
    return answer.body.messageId ?? "";
  }
  const statusOf = async (messageId: string) =>
    (await stage.engine.api(`GET /sessions/s/messages/${messageId}`)).body.message?.status;

  /** From here on no code was shown, and the session is connected in the end. */
  async function connectsWithoutCode(after: number) {
    await waitForStatus(stage.engine, "s", "connected");
    const seen = statusEvents(stage.engine, "s", after).map(({ status }) => status);
    expect(seen).not.toContain("qr_ready");
    expect(seen).not.toContain("auth_failed");
  }

  it("stop ends the runner and keeps a login that was just made; what is accepted meanwhile goes out after start", async () => {
    await link();
    const stopped = await call("stop");
    expect(stopped).toMatchObject({
      status: 200,
      body: {
        success: true,
        session: { sessionId: "s", status: "disconnected", reason: "stopped", phoneNumber: ACCOUNT },
      },
    });
    expect(await runnersOf(stage.engine)).toEqual([]);
    expect(await linkedDevices()).toBe(1);

    expect(await call("stop")).toMatchObject({ status: 200, body: { session: stopped.body.session } });
    expect(await stage.engine.api("POST /sessions/s/send", { to: FRIEND, message: "now" })).toMatchObject({
      status: 409,
      body: { error: { code: "session_not_connected", reason: "stopped" } },
    });
    expect((await stage.engine.api("GET /sessions/s/qr")).body).toMatchObject({
      qr: null,
      reason: "stopped",
    });
    const message = await queue("while it was stopped");

    const before = lastSeq(stage.engine, "s");
    expect(await statusOf(message)).toBe("queued");
    expect(await call("start")).toMatchObject({
      status: 200,
      body: { success: true, session: { status: "connecting", reason: "starting" } },
    });
    await connectsWithoutCode(before);
    await until("the message to go out", async () => (await statusOf(message)) === "sent");
    expect((await taken()).filter((body) => body === "while it was stopped")).toHaveLength(1);
  });

  it("start of a session that runs changes nothing; restart replaces the runner and keeps the login", async () => {
    await link();
    const running = row();
    expect(await call("start")).toMatchObject({ status: 200, body: { session: { status: "connected" } } });
    expect(row()).toEqual(running);
    expect(await runnersOf(stage.engine)).toHaveLength(1);

    const [first] = await runnersOf(stage.engine);
    const { runner_id: firstId } = row();
    const before = lastSeq(stage.engine, "s");
    expect(await call("restart")).toMatchObject({
      status: 200,
      body: { session: { status: "connecting", reason: "starting", phoneNumber: ACCOUNT } },
    });
    await connectsWithoutCode(before);
    expect(row()["runner_id"]).not.toBe(firstId);
    const runners = await runnersOf(stage.engine);
    expect(runners).toHaveLength(1);
    expect(runners).not.toContain(first);
  });

  it("create and restart start a session that is stopped, as start does", async () => {
    await link();
    await call("stop");
    let before = lastSeq(stage.engine, "s");
    const created = await stage.engine.api("POST /sessions/create", { sessionId: "s" });
    expect(created).toMatchObject({ status: 200, body: { session: { status: "connecting" } } });
    await connectsWithoutCode(before);

    await call("stop");
    before = lastSeq(stage.engine, "s");
    expect((await call("restart")).status).toBe(200);
    await connectsWithoutCode(before);
  });

  it("stop in the middle of a start leaves no runner behind", async () => {
    await stage.engine.api("POST /sessions/create", { sessionId: "s" });
    for (const starts of [undefined, "start", "restart"] as const) {
      // Asked for at once, they come one after the other.
      const [, stopped] = await Promise.all([starts && call(starts), call("stop")]);
      expect(stopped.status).toBe(200);
      expect((await call("stop")).body.session).toMatchObject({
        status: "disconnected",
        reason: "stopped",
      });
      expect(await runnersOf(stage.engine)).toEqual([]);
    }
    expect(row()["desired"]).toBe("stopped");
  });

  it("stays stopped when the engine is killed, also in the middle of the stop", async () => {
    await link();
    await loginIsOnDisk(stage.engine, "s");
    const cutOff = call("stop").catch((error: unknown) => error);
    await until("the stop to be recorded", () => row()["desired"] === "stopped");
    await stage.engine.kill("SIGKILL");
    await cutOff;
    await stage.engine.restart();
    await noRunnerIsLeft();
    expect((await stage.engine.api("GET /sessions/s/status")).body).toMatchObject({
      status: "disconnected",
      reason: "stopped",
    });

    await stage.engine.kill("SIGKILL");
    await stage.engine.restart();
    expect(row()).toMatchObject({ desired: "stopped", status: "disconnected", reason: "stopped" });
    expect(await runnersOf(stage.engine)).toEqual([]);
    const before = lastSeq(stage.engine, "s");
    await call("start");
    await connectsWithoutCode(before);
  });

  it("logout unlinks the account and deletes the login; session and messages stay, and start shows a code", async () => {
    await link();
    const sent = await stage.engine.api("POST /sessions/s/send", { to: FRIEND, message: "before" });
    expect(await call("logout")).toMatchObject({
      status: 200,
      body: {
        success: true,
        unlinked: "done",
        session: { status: "disconnected", reason: "logged_out", detail: unlinkDetails.done },
      },
    });
    expect(await linkedDevices()).toBe(0);
    await noRunnerIsLeft();
    expect(await statusOf(sent.body.messageId ?? "")).toBe("sent");

    const before = lastSeq(stage.engine, "s");
    await call("start");
    await scan(stage.engine, stage.simulator, "s", ACCOUNT);
    await waitForStatus(stage.engine, "s", "connected");
    expect(statusEvents(stage.engine, "s", before).map(({ status }) => status)).toContain("qr_ready");
  });

  it("logout of a stopped session unlinks it too, and sends nothing", async () => {
    await link();
    await call("stop");
    const message = await queue("not before it is linked again");
    const sentBefore = await taken();
    expect(await call("logout")).toMatchObject({
      status: 200,
      body: { unlinked: "done", session: { status: "disconnected", reason: "logged_out" } },
    });
    expect(await linkedDevices()).toBe(0);
    await noRunnerIsLeft();
    expect(await taken()).toEqual(sentBefore);
    expect(await statusOf(message)).toBe("queued");

    await call("start");
    await scan(stage.engine, stage.simulator, "s", ACCOUNT);
    await until("the message to go out", async () => (await statusOf(message)) === "sent");
  });

  it("logout that WhatsApp does not answer says so, also when it is asked again", async () => {
    await link();
    await stage.simulator.control.configure({ actions: "silence" });
    const first = await call("logout");
    expect(first).toMatchObject({
      status: 200,
      body: { unlinked: "unknown", session: { reason: "logged_out", detail: unlinkDetails.unknown } },
    });
    expect(await linkedDevices()).toBe(1);
    expect(await call("logout")).toMatchObject({
      status: 200,
      body: { unlinked: "not_linked", session: { reason: "logged_out", detail: unlinkDetails.unknown } },
    });
    await noRunnerIsLeft();
    await call("start");
    await waitForStatus(stage.engine, "s", "qr_ready");
  });

  it("verbs that come all at once are done one after the other", async () => {
    await stage.engine.api("POST /sessions/create", { sessionId: "s" });
    const answers = await Promise.all(
      ["stop", "restart", "start", "stop", "start", "restart"].map((verb) => call(verb as "stop")),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await call("start"); // which of them came last is not said
    await waitForStatus(stage.engine, "s", "qr_ready");
    expect(await runnersOf(stage.engine)).toHaveLength(1);
  });

  it.each(VERBS)("%s of a session that is not there", async (verb) => {
    expect(await stage.engine.api(`POST /sessions/nobody/${verb}`)).toMatchObject({
      status: 404,
      body: { error: { code: "session_not_found" } },
    });
    expect((await stage.engine.api(`POST /sessions/%20/${verb}`)).body.error?.code).toBe(
      "invalid_session_id",
    );
  });
});

onDocker("the verbs of a session while Docker does not answer", () => {
  let proxy: DockerProxy;
  let stage: Stage;
  beforeAll(async () => {
    proxy = await startDockerProxy();
    stage = await startStage("docker", { DOCKER_HOST: proxy.host });
  });
  afterAll(async () => {
    await proxy.restore().catch(() => undefined);
    await stage.close();
    await proxy.close();
  });

  it("answer 503, and nothing is changed", async () => {
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "runs", ACCOUNT);
    await engine.api("POST /sessions/create", { sessionId: "stopped" });
    await engine.api("POST /sessions/stopped/stop");
    const runners = await runnersOf(engine);
    await proxy.cut();
    const rows = snapshot(engine.dataDir);
    for (const sessionId of ["runs", "stopped"]) {
      for (const verb of VERBS) {
        const answer = await engine.api(`POST /sessions/${sessionId}/${verb}`);
        expect(answer, verb).toMatchObject({ status: 503, body: { error: { code: "runtime_unavailable" } } });
        expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      }
    }
    expect(snapshot(engine.dataDir)).toEqual(rows);
    expect(await simulator.control.linkedDevices(ACCOUNT)).toBe(1);
    await proxy.restore();
    expect(await runnersOf(engine)).toEqual(runners);
  });
});

describe("a session that fails to start again and again", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", settings: { CHROMIUM_PATH: "/bin/false" } });
  });
  afterAll(() => engine.stop());

  /** After so many the pause is 4 s at the least. */
  const FAILURES = 5;
  it("is started at once by restart, however long its pause was", async () => {
    await engine.api("POST /sessions", { sessionId: "s" });
    const startsAfter = (seq: number) =>
      statusEvents(engine, "s", seq).filter(({ reason }) => reason === "start_failed");
    await until("a long pause between starts", () => startsAfter(0).length >= FAILURES, {
      timeoutMs: 60_000,
      seen: () => statusEvents(engine, "s"),
    });
    const before = lastSeq(engine, "s");
    const askedAt = Date.now();
    expect((await engine.api("POST /sessions/s/restart")).status).toBe(200);
    const failed = await until("another start", () => startsAfter(before)[0]);
    expect(failed.at - askedAt).toBeLessThan(3_000);
  });
});
