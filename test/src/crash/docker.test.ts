import { afterAll, beforeAll, expect, it } from "vitest";
import type { Simulator } from "@whatsapp-engine/simulator";
import { query, snapshot } from "../support/database.ts";
import { containerOf, containersOf, docker, startedAt, volumesOf } from "../support/docker.ts";
import { startDockerProxy, type DockerProxy } from "../support/docker-proxy.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { onDocker } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const SESSIONS = ["a", "b", "c"].map((sessionId, i) => ({ sessionId, account: `628123456780${i}` }));
const FRIEND = "6281200000001";

/** Whatever dies - the engine, a container, Docker itself - no session is lost, and nobody else's is touched. */
onDocker("containers outlive what dies around them", () => {
  let proxy: DockerProxy;
  let stage: Stage;
  let engine: Engine;
  let simulator: Simulator;
  beforeAll(async () => {
    proxy = await startDockerProxy();
    stage = await startStage("docker", { DOCKER_HOST: proxy.host, SEND_TIMEOUT_SECONDS: "10" });
    ({ engine, simulator } = stage);
    for (const { sessionId, account } of SESSIONS) await linkSession(engine, simulator, sessionId, account);
    for (const { sessionId } of SESSIONS) await loginIsOnDisk(engine, sessionId);
  });
  afterAll(async () => {
    await proxy.restore().catch(() => undefined);
    await stage.close();
    await proxy.close();
  });

  const containers = () =>
    Promise.all(
      SESSIONS.map(async ({ sessionId }) => startedAt(await containerOf(engine.installId, sessionId))),
    );
  const send = (sessionId: string, message: string) =>
    engine.api(`POST /sessions/${sessionId}/send`, { to: FRIEND, message });
  async function allSend(message: string) {
    const answers = await Promise.all(SESSIONS.map(({ sessionId }) => send(sessionId, message)));
    expect(answers.map(({ status }) => status)).toEqual(SESSIONS.map(() => 200));
    for (const { account } of SESSIONS) {
      const taken = await takenBy(simulator, account, FRIEND);
      expect(taken.filter(({ body }) => body === message)).toHaveLength(1);
    }
  }

  it("engine killed while three sessions are connected: all send after the restart, none was restarted", async () => {
    const before = await containers();
    await engine.kill("SIGKILL");
    await engine.restart();
    await allSend("after SIGKILL");
    expect(await containers()).toEqual(before);
    for (const { sessionId } of SESSIONS)
      expect((await engine.api(`GET /sessions/${sessionId}/status`)).body.status).toBe("connected");
  });

  it("engine killed in the middle of a send: the message's outcome is found out, and it went out once", async () => {
    await simulator.control.fault({ kind: "late", ackMs: 1_500 }, { to: FRIEND });
    const cutOff = send("a", "in the middle").catch((error: unknown) => error);
    await until("WhatsApp to take the message", async () => {
      const taken = await takenBy(simulator, "6281234567800", FRIEND);
      return taken.some(({ body }) => body === "in the middle");
    });
    await engine.kill("SIGKILL");
    expect(await cutOff).toBeInstanceOf(Error);
    await simulator.control.clearFaults();
    await engine.restart();
    await until("the message to be settled", () => {
      const [row] = query(engine.dataDir, "select status from messages where body = 'in the middle'");
      return row?.["status"] === "sent";
    });
    const taken = await takenBy(simulator, "6281234567800", FRIEND);
    expect(taken.filter(({ body }) => body === "in the middle")).toHaveLength(1);
  });

  it("docker kill: runner_lost soon, then connected again by itself, login kept", async () => {
    const seen = lastSeq(engine, "b");
    const old = await containerOf(engine.installId, "b");
    const killedAt = Date.now();
    await docker("kill", old);
    const lost = await until("runner_lost to be recorded", () =>
      statusEvents(engine, "b", seen).find(({ reason }) => reason === "runner_lost"),
    );
    expect(lost).toMatchObject({ status: "disconnected" });
    expect(lost.at - killedAt).toBeLessThan(10_000);
    await waitForStatus(engine, "b", "connected");
    expect(statusEvents(engine, "b", seen).map(({ status }) => status)).not.toContain("qr_ready");
    expect(await containerOf(engine.installId, "b")).not.toBe(old);
    await until(
      "the dead container to be removed",
      async () => !(await containersOf(engine.installId)).includes(old),
    );
    await allSend("after docker kill");
  });

  it("Docker stopped: calls that need it answer 503, nothing is deleted, and all heals when it is back", async () => {
    const before = await containers();
    const volumes = await volumesOf(engine.installId);
    await proxy.cut();
    const rows = snapshot(engine.dataDir);

    const refusals = [
      await engine.api("POST /sessions/create", { sessionId: "new" }),
      await engine.api("DELETE /sessions/a"),
      // An answer of the second before still holds.
      await until("the engine to be no longer ready", async () => {
        const answer = await engine.api("GET /health/ready");
        return answer.status !== 200 && answer;
      }),
    ];
    for (const answer of refusals) {
      expect(answer).toMatchObject({ status: 503, body: { error: { code: "runtime_unavailable" } } });
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    }
    expect(snapshot(engine.dataDir)).toEqual(rows);
    expect((await engine.api("GET /health")).status).toBe(200);
    // What runs goes on: the way to a runner does not lead through Docker.
    await allSend("while Docker is stopped");

    // A container that dies now is heard of by nobody.
    await docker("kill", await containerOf(engine.installId, "c"));
    const said = await until("the session to say that Docker is away", async () => {
      const { body } = await engine.api("GET /sessions/c/status");
      return body.status === "disconnected" && body;
    });
    expect(said.reason).toBe("runtime_unavailable");
    expect(await volumesOf(engine.installId)).toEqual(volumes);

    await proxy.restore();
    await waitForStatus(engine, "c", "connected");
    await until("the engine to be ready", async () => (await engine.api("GET /health/ready")).status === 200);
    expect((await containers()).slice(0, 2)).toEqual(before.slice(0, 2));
    expect(await volumesOf(engine.installId)).toEqual(volumes);
    await allSend("Docker is back");
  });

  it("started while Docker is stopped: says so, and heals when it is back", async () => {
    const before = await containers();
    await engine.kill("SIGTERM");
    await proxy.cut();
    await engine.restart();
    expect((await engine.api("GET /health/ready")).status).toBe(503);
    expect((await engine.api("POST /sessions/create", { sessionId: "new" })).status).toBe(503);
    await proxy.restore();
    await until("the engine to be ready", async () => (await engine.api("GET /health/ready")).status === 200);
    await until("all to send", async () => {
      const answers = await Promise.all(SESSIONS.map(({ sessionId }) => send(sessionId, "is it back?")));
      return answers.every(({ status }) => status === 200);
    });
    expect(await containers()).toEqual(before);
  });

  it("leftovers of this installation are removed, another installation's containers stay untouched", async () => {
    const before = await containers();
    const other = await startEngine({ runtime: "docker", simulator });
    try {
      await linkSession(other, simulator, "a", "6281234567810");
      const others = await startedAt(await containerOf(other.installId, "a"));
      const [image = ""] = await docker(
        "inspect",
        "--format",
        "{{.Image}}",
        await containerOf(other.installId, "a"),
      );
      const leftover = async (installId: string) => {
        const labels = { install: installId, profile: "leftover-profile", runner: "leftover-runner" };
        const flags = Object.entries(labels).flatMap(([key, value]) => [
          "--label",
          `io.whatsapp-engine.${key}=${value}`,
        ]);
        const [id = ""] = await docker(
          "run",
          "--detach",
          "--init",
          ...flags,
          "--entrypoint",
          "sleep",
          image,
          "300",
        );
        return id;
      };
      const mine = await leftover(engine.installId);
      const theirs = await leftover("0123456789ab");
      try {
        await engine.restart();
        await until(
          "the leftover to be removed",
          async () => !(await docker("ps", "-aq", "--no-trunc")).includes(mine),
        );
        expect(await docker("ps", "-q", "--no-trunc")).toContain(theirs);
      } finally {
        await docker("rm", "--force", theirs);
      }
      expect(await startedAt(await containerOf(other.installId, "a"))).toBe(others);
      expect((await other.api("DELETE /sessions/a")).status).toBe(200);
      expect(await containersOf(other.installId)).toEqual([]);
      expect(await containers()).toEqual(before);
      await allSend("beside another installation");
    } finally {
      await other.stop();
    }
  });
});
