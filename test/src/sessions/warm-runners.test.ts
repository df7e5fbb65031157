import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { change, count, query } from "../support/database.ts";
import { docker } from "../support/docker.ts";
import { loginIsOnDisk, runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQr, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { killWarmRunner, oneRunnerEach, poolIs } from "../support/warm-runners.ts";

const ACCOUNT = "6281234567890";
const settings = { WARM_RUNNERS: "2" };

/** Runners that show a code before anybody asks for one. */
onEachRuntime("warm runners", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime, settings);
  });
  afterAll(() => stage.close());

  const create = (sessionId: string) => stage.engine.api("POST /sessions/create", { sessionId });
  const remove = (sessionId: string) => stage.engine.api(`DELETE /sessions/${sessionId}`);
  const shownCodes = async () => (await stage.simulator.control.pages()).flatMap(({ qr }) => qr ?? []);
  const warmRows = () => query(stage.engine.dataDir, "select * from warm_runners order by created_at");
  const runnerOf = (sessionId: string) =>
    query(
      stage.engine.dataDir,
      "select p.id as profile_id, s.runner_id from sessions s join profiles p on p.session_id = s.id where s.id = ?",
      sessionId,
    )[0];

  it("fills the pool, of which no session and no event tells", async () => {
    const { engine } = stage;
    await poolIs(engine, 2);
    await oneRunnerEach(engine, { sessions: 0, warm: 2 });
    expect((await engine.api("GET /sessions")).body.sessions).toEqual([]);
    expect(count(engine.dataDir, "events")).toBe(0);
  });

  it("gives a new session the oldest one with the code it shows, and refills the pool", async () => {
    const { engine } = stage;
    const [oldest] = warmRows();
    const shown = await shownCodes();
    expect((await create("s")).status).toBe(201);
    const { profile_id, runner_id } = oldest!;
    expect(runnerOf("s")).toEqual({ profile_id, runner_id });
    expect(shown).toContain(await readQr(engine, "s"));
    await poolIs(engine, 2);
    await oneRunnerEach(engine, { sessions: 1, warm: 2 });
    expect(await shownCodes()).toHaveLength(3);
    expect(runnerOf("s")).toEqual({ profile_id, runner_id });
    if (runtime === "docker") {
      const labelled = `label=io.whatsapp-engine.runner=${String(runner_id)}`;
      expect(await docker("ps", "--filter", labelled, "--format", "{{.Names}}")).toEqual([
        `whatsapp-s-${String(runner_id).slice(0, 8)}`,
      ]);
    }
  });

  it("a session on it links, survives a restart, and leaves nothing when it is deleted", async () => {
    const { engine, simulator } = stage;
    await simulator.control.scan(await readQr(engine, "s"), { phoneNumber: ACCOUNT });
    await waitForStatus(engine, "s", "connected");
    await loginIsOnDisk(engine, "s");
    const { profile_id } = runnerOf("s")!;
    await engine.restart();
    await waitForStatus(engine, "s", "connected");
    expect(runnerOf("s")).toMatchObject({ profile_id });
    const sent = await engine.api("POST /sessions/s/send", { to: "6281200000001", message: "hello" });
    expect(sent.body).toMatchObject({ status: "sent" });
    await poolIs(engine, 2);
    await oneRunnerEach(engine, { sessions: 1, warm: 2 });
    expect((await remove("s")).status).toBe(200);
    expect(await simulator.control.linkedDevices(ACCOUNT)).toBe(0);
    await oneRunnerEach(engine, { sessions: 0, warm: 2 });
  });

  it("6 creates at once: each has a profile and a code of its own", async () => {
    const { engine } = stage;
    await poolIs(engine, 2);
    const before = warmRows().map(({ profile_id }) => profile_id);
    const ids = Array.from({ length: 6 }, (_, n) => `many-${n}`);
    const answers = await Promise.all(ids.map(create));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 201));
    const profiles = ids.map((id) => runnerOf(id)?.["profile_id"]);
    expect(new Set(profiles).size).toBe(6);
    expect(profiles.filter((id) => before.includes(id!))).toHaveLength(2);
    const codes = await Promise.all(ids.map((id) => readQr(engine, id)));
    expect(new Set(codes).size).toBe(6);
    await Promise.all(ids.map(remove));
    await poolIs(engine, 2);
    await oneRunnerEach(engine, { sessions: 0, warm: 2 });
  });

  // Child processes end with their control plane.
  it.runIf(runtime === "docker")(
    "adopts what runs after a crash, and replaces what got old meanwhile",
    async () => {
      const { engine } = stage;
      await engine.kill("SIGKILL");
      const [old, young] = warmRows();
      const runners = await runnersOf(engine);
      change(
        engine.dataDir,
        "update warm_runners set created_at = 0 where profile_id = ?",
        old!["profile_id"],
      );
      await engine.restart();
      await until("the old one to be removed", () => warmRows()[0]?.["profile_id"] === young!["profile_id"]);
      await poolIs(engine, 2);
      await oneRunnerEach(engine, { sessions: 0, warm: 2 });
      expect(warmRows()[0]).toEqual(young);
      expect((await runnersOf(engine)).filter((id) => runners.includes(id))).toHaveLength(1);
    },
  );

  it("replaces one that breaks, and removes one that somebody scanned", async () => {
    const { engine, simulator } = stage;
    const before = warmRows().map(({ profile_id }) => profile_id);
    await killWarmRunner(engine);
    await until("it to be removed", () => warmRows().some(({ profile_id }) => !before.includes(profile_id)));
    await poolIs(engine, 2);
    await oneRunnerEach(engine, { sessions: 0, warm: 2 });

    const [code] = await shownCodes();
    await simulator.control.scan(code!, { phoneNumber: ACCOUNT });
    await until("it to be noticed", () => engine.output().includes("an account was linked before a session"));
    await create("after");
    expect(await readQr(engine, "after")).not.toBe(code);
    await poolIs(engine, 2);
    await remove("after");
    await until("its row to be gone", () => warmRows().length === 2);
  });

  it("switched off: whatever is left of the pool goes, and a session starts as ever", async () => {
    const { engine } = stage;
    await poolIs(engine, 2);
    await engine.restart({ WARM_RUNNERS: "0" });
    await poolIs(engine, 0);
    await until("the pool to be gone", async () => (await runnersOf(engine)).length === 0);
    expect(warmRows()).toEqual([]);
    await create("cold");
    await readQr(engine, "cold");
    await remove("cold");
    expect((await engine.api("GET /health")).body.warmRunners).toEqual({ ready: 0, starting: 0 });
  });
});

describe("a pool beside sessions", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { ...settings, MAX_SESSIONS: "2" });
  });
  afterAll(() => stage.close());

  it("holds no more than there may be sessions yet, and none that none may have", async () => {
    const { engine } = stage;
    await poolIs(engine, 2);
    for (const [n, id] of ["a", "b"].entries()) {
      expect((await engine.api("POST /sessions/create", { sessionId: id })).status).toBe(201);
      await poolIs(engine, 1 - n);
    }
    expect(await engine.api("POST /sessions/create", { sessionId: "c" })).toMatchObject({
      status: 503,
      body: { error: { code: "capacity_exceeded", limit: "sessions" } },
    });
    await oneRunnerEach(engine, { sessions: 2, warm: 0 });
  });
});
