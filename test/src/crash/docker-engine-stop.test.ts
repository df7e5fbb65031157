import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Simulator } from "@whatsapp-engine/simulator";
import { query } from "../support/database.ts";
import { containerOf, containersOf, volumesOf } from "../support/docker.ts";
import type { Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { startPrivateDocker, type PrivateDocker } from "../support/private-docker.ts";
import { onPrivateDocker } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";
const TABLES = ["sessions", "profiles", "messages", "events"] as const;

/**
 * An engine that is really stopped ends its containers one after the other, answers while it does, and refuses what
 * it is asked for meanwhile; a socket that is cut shows nothing of that.
 */
onPrivateDocker("a Docker engine that is stopped, its containers with it, and started again", () => {
  let docker: PrivateDocker;
  let stage: Stage | undefined;
  let engine: Engine;
  let simulator: Simulator;
  beforeAll(async () => {
    docker = await startPrivateDocker(process.env["RUNNER_IMAGE"] ?? "whatsapp-engine-runner:latest");
    // For the control plane, and for all that the test asks of Docker.
    vi.stubEnv("DOCKER_HOST", docker.host);
    stage = await startStage("docker");
    ({ engine, simulator } = stage);
    await linkSession(engine, simulator, "a", ACCOUNT);
  }, 240_000);
  afterAll(async () => {
    try {
      await docker.start();
      await stage?.close();
    } finally {
      vi.unstubAllEnvs();
      await docker.remove();
    }
  }, 180_000);

  const send = (message: string) => engine.api("POST /sessions/a/send", { to: FRIEND, message });
  const taken = async () => (await takenBy(simulator, ACCOUNT, FRIEND)).map(({ body }) => body);
  const rows = () =>
    Object.fromEntries(
      TABLES.map((table) => [
        table,
        query(engine.dataDir, `select rowid as row from ${table} order by rowid`),
      ]),
    );

  it("says so, forgets nothing, and brings the session back without a QR", async () => {
    expect((await send("before")).body).toMatchObject({ status: "sent" });
    const container = await containerOf(engine.installId, "a");
    const volumes = await volumesOf(engine.installId);
    expect(volumes).toHaveLength(1);
    const seen = lastSeq(engine, "a");
    const before = rows();

    await docker.stop();
    await waitForStatus(engine, "a", { status: "disconnected", reason: "runtime_unavailable" });
    const refusals = [
      await engine.api("POST /sessions/create", { sessionId: "new" }),
      await send("never"),
      await engine.api("DELETE /sessions/a"),
      // An answer of the second before still holds.
      await until("the engine to be no longer ready", async () => {
        const answer = await engine.api("GET /health/ready");
        return answer.status !== 200 && answer;
      }),
    ];
    for (const answer of refusals) {
      expect(answer, answer.text).toMatchObject({
        status: 503,
        body: { error: { code: "runtime_unavailable" } },
      });
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    }
    expect((await engine.api("GET /health")).status).toBe(200);
    const code = await engine.api("GET /sessions/a/qr");
    expect(code).toMatchObject({ status: 200, body: { qr: null, reason: "runtime_unavailable" } });
    const after = rows();
    for (const table of TABLES) expect(after[table]).toEqual(expect.arrayContaining(before[table] ?? []));
    expect(after["sessions"]).toEqual(before["sessions"]);
    expect(after["messages"]).toEqual(before["messages"]);

    await docker.start();
    await waitForStatus(engine, "a", "connected", 90_000);
    expect(statusEvents(engine, "a", seen).map(({ status }) => status)).not.toContain("qr_ready");
    expect(await volumesOf(engine.installId)).toEqual(volumes);
    expect(await containerOf(engine.installId, "a")).not.toBe(container);
    await until(
      "the ended container to be removed",
      async () => !(await containersOf(engine.installId)).includes(container),
    );
    expect((await send("after")).body).toMatchObject({ status: "sent" });
    expect(await taken()).toEqual(["before", "after"]);
    await until("the engine to be ready", async () => (await engine.api("GET /health/ready")).status === 200);
  }, 300_000);
});
