import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { processesWith } from "../support/processes.ts";
import { linkSession, readQr, waitForStatus } from "../support/session.ts";
import { until } from "../support/until.ts";

/** Room for three sessions, which start one after the other. */
const settings = { MAX_SESSIONS: "3", RUNNER_START_CONCURRENCY: "1" };

describe("room for sessions", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true, settings });
  });
  afterAll(() => engine.stop());

  it("refuses a session too many, says when to come again, and takes it once there is room", async () => {
    const create = (sessionId: string) => engine.api("POST /sessions/create", { sessionId });
    for (const id of ["a", "b", "c"]) expect((await create(id)).status).toBe(201);
    const refused = await create("d");
    expect(refused).toMatchObject({
      status: 503,
      body: { success: false, error: { code: "capacity_exceeded", limit: "sessions" } },
    });
    expect(refused.headers["retry-after"]).toBe("30");
    expect(refused.body.error?.message).toContain("MAX_SESSIONS");
    expect((await engine.api("GET /sessions/d/status")).status).toBe(404);
    expect((await create("a")).status).toBe(200);
    expect((await engine.api("POST /sessions/a/stop")).status).toBe(200);
    expect((await create("d")).status).toBe(201);
    expect((await engine.api("POST /sessions/a/start")).body.error?.code).toBe("capacity_exceeded");
    expect((await engine.api("GET /sessions/a/status")).body).toMatchObject({ reason: "stopped" });
    await engine.api("DELETE /sessions/b");
    expect((await engine.api("POST /sessions/a/start")).status).toBe(200);
  });
});

describe("admission of sessions", () => {
  let simulator: Simulator;
  let engine: Engine;
  beforeEach(async () => {
    simulator = await startSimulator();
    engine = await startEngine({ runtime: "process", simulator, settings });
  });
  afterEach(async () => {
    await engine.stop();
    await simulator.close();
  });

  const create = (sessionId: string) => engine.api("POST /sessions/create", { sessionId });
  const statuses = () =>
    query(engine.dataDir, "select id, status, detail, runner_id as runner from sessions order by id");

  it("starts one after the other; one that waits says so, and can be deleted meanwhile", async () => {
    await Promise.all(["a", "b", "c"].map(create));
    const waiting = await until("sessions to wait for their turn", () => {
      const found = statuses().filter(({ detail }) => detail === "Waits for its turn to start.");
      return found.length > 0 ? found : undefined;
    });
    expect(waiting).toEqual(
      waiting.map(({ id, detail }) => ({ id, status: "connecting", detail, runner: null })),
    );
    const { id } = waiting.at(-1)!;
    expect((await engine.api(`DELETE /sessions/${id}`)).status).toBe(200);
    const others = ["a", "b", "c"].filter((other) => other !== id);
    await Promise.all(others.map((other) => readQr(engine, other)));
    expect(statuses().map((session) => session.id)).toEqual(others);
  });

  it("ends in order while sessions wait for their turn, and leaves them as they are", async () => {
    await Promise.all(["a", "b", "c"].map(create));
    const waiting = await until("two sessions to wait for their turn", () => {
      const found = statuses().filter(({ detail }) => detail === "Waits for its turn to start.");
      return found.length === 2 ? found : undefined;
    });
    expect(await engine.kill("SIGTERM")).toBe(0);
    expect(statuses().filter(({ detail }) => detail === "Waits for its turn to start.")).toEqual(waiting);
  });

  const link = async () => {
    for (const [n, id] of ["a", "b", "c"].entries())
      await linkSession(engine, simulator, id, `62812000000${n}`);
  };
  const send = async (id: string) => {
    const message = { to: "6281234567890", type: "text", message: "hello" };
    expect((await engine.api(`POST /sessions/${id}/send`, message)).status).toBe(200);
  };
  const lastEvent = () => query(engine.dataDir, "select max(id) as last from events")[0]?.["last"];
  /** All of them, in the order in which they were connected. */
  async function comeBack(after: ReturnType<typeof lastEvent>) {
    await Promise.all(["a", "b", "c"].map((id) => waitForStatus(engine, id, "connected")));
    const back = query(
      engine.dataDir,
      `select session_id as session from events where id > ${after} and type = 'session.status' and data like '%"connected"%' order by id`,
    );
    return back.map(({ session }) => session);
  }

  it("after a crash brings back first what was used last", async () => {
    await link();
    for (const id of ["c", "a", "b"]) await send(id);
    await engine.kill("SIGKILL");
    await until("its runners to end with it", () => processesWith(engine.dataDir).length === 0);
    const before = lastEvent();
    await engine.restart();
    expect(await comeBack(before)).toEqual(["b", "a", "c"]);
  });

  it("of those that wait starts the one that was used last, whoever was asked for first", async () => {
    await link();
    await send("b");
    for (const id of ["a", "b", "c"]) await engine.api(`POST /sessions/${id}/stop`);
    const before = lastEvent();
    for (const id of ["a", "c", "b"]) await engine.api(`POST /sessions/${id}/start`);
    expect(await comeBack(before)).toEqual(["a", "b", "c"]);
  });
});
