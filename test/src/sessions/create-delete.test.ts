import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count, query } from "../support/database.ts";
import { containersOf, networksOf, volumesOf } from "../support/docker.ts";
import { openFiles, processesWith } from "../support/processes.ts";
import { runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, readQr, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Sessions are made once, and nothing of a deleted one is left. */
onEachRuntime("creating and deleting", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterAll(() => stage.close());

  const create = (sessionId: string, phoneNumber?: string) =>
    stage.engine.api("POST /sessions/create", { sessionId, phoneNumber });
  const remove = (sessionId: string) => stage.engine.api(`DELETE /sessions/${sessionId}`);

  /** What there is of sessions: rows, runners, profiles. */
  async function traces() {
    const { engine } = stage;
    const profiles = join(engine.dataDir, "profiles");
    return {
      sessions: count(engine.dataDir, "sessions"),
      profiles: count(engine.dataDir, "profiles"),
      runners: count(engine.dataDir, "runners"),
      running: (await runnersOf(engine)).length,
      browsers: processesWith(`--user-data-dir=${engine.dataDir}`).length,
      stored: existsSync(profiles) ? readdirSync(profiles).length : 0,
      containers: runtime === "docker" ? (await containersOf(engine.installId)).length : 0,
      volumes: runtime === "docker" ? (await volumesOf(engine.installId)).length : 0,
      networks: runtime === "docker" ? (await networksOf(engine.installId)).length : 1,
    };
  }
  const NOTHING = {
    sessions: 0,
    profiles: 0,
    runners: 0,
    running: 0,
    browsers: 0,
    stored: 0,
    containers: 0,
    volumes: 0,
    networks: 1, // the one that all runners of the installation share
  };

  it("50 creates of one id at once: one is 201, all have the same session, and one runner runs", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => create("one", "6281234567890")));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([...Array.from({ length: 49 }, () => 200), 201]);
    const made = new Set(answers.map(({ body }) => `${body.session?.sessionId} ${body.session?.createdAt}`));
    expect(made.size).toBe(1);
    await readQr(stage.engine, "one");
    expect(await traces()).toMatchObject({ sessions: 1, profiles: 1, runners: 1, running: 1 });
  });

  it("the same id with another phone number is refused and changes nothing", async () => {
    const before = query(stage.engine.dataDir, "select * from sessions");
    expect(await create("one", "6281234567899")).toMatchObject({
      status: 409,
      body: { error: { code: "session_conflict" } },
    });
    expect(query(stage.engine.dataDir, "select * from sessions")).toEqual(before);
    expect(await create("one")).toMatchObject({ status: 200 });
    expect(await create("one", "+62 812-3456-7890")).toMatchObject({ status: 200 });
  });

  it("deleting it leaves nothing; a second time it is not found", async () => {
    expect(await remove("one")).toMatchObject({ status: 200, body: { success: true, sessionId: "one" } });
    expect(await traces()).toEqual(NOTHING);
    expect(await remove("one")).toMatchObject({
      status: 404,
      body: { error: { code: "session_not_found" } },
    });
  });

  it("8 sessions, half of them deleted while they start: nothing is left, no open file either", async () => {
    const { engine } = stage;
    const before = openFiles(engine.pid);
    const ids = Array.from({ length: 8 }, (_, i) => `many-${i}`);
    const created = await Promise.all(ids.map((id) => create(id)));
    expect(created.map(({ status }) => status)).toEqual(ids.map(() => 201));
    const removed = await Promise.all(
      ids.map(async (id, i) => {
        if (i % 2 === 1) await readQr(engine, id);
        return remove(id);
      }),
    );
    expect(removed.map(({ status, text }) => [status, text])).toEqual(
      ids.map((_, i) => [200, removed[i]?.text]),
    );
    expect(await traces()).toEqual(NOTHING);
    await until("the files of deleted sessions to be closed", () => openFiles(engine.pid) <= before, {
      seen: () => ({ before, now: openFiles(engine.pid) }),
    });
  });

  it("creates that come during a delete get a session of their own, which can be deleted too", async () => {
    const { engine } = stage;
    await create("again", "6281234567890");
    await readQr(engine, "again");
    const removing = remove("again");
    await until("the delete to be under way", async () => {
      return (await engine.api("GET /sessions/again/status")).status === 404;
    });
    const [gone, ...made] = await Promise.all([
      removing,
      create("again", "6281234567891"),
      create("again", "6281234567891"),
    ]);
    expect(gone.status).toBe(200);
    expect(made.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 201]);
    await readQr(engine, "again");
    expect(await traces()).toMatchObject({ sessions: 1, profiles: 1, runners: 1, running: 1 });
    expect((await engine.api("GET /sessions/again/status")).body.phoneNumber).toBe("6281234567891");
    await remove("again");
    expect(await traces()).toEqual(NOTHING);
  });

  it("create, delete and create at once, over and over: what is left is one session, or none", async () => {
    const { engine } = stage;
    for (let round = 0; round < 5; round += 1) {
      const [made, gone, again] = await Promise.all([create("quick"), remove("quick"), create("quick")]);
      expect([200, 201]).toContain(made.status);
      expect([200, 404]).toContain(gone.status);
      expect([200, 201]).toContain(again.status);
    }
    if ((await engine.api("GET /sessions/quick/status")).status === 200) {
      await readQr(engine, "quick");
      expect(await traces()).toMatchObject({ sessions: 1, profiles: 1, runners: 1, running: 1 });
      await remove("quick");
    }
    expect(await traces()).toEqual(NOTHING);
  });

  it("many deletes at once: one finds it, and nothing is left", async () => {
    await create("often");
    const answers = await Promise.all(Array.from({ length: 5 }, () => remove("often")));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, 404, 404, 404, 404]);
    expect(await traces()).toEqual(NOTHING);
  });

  it("deleting a linked session logs it out of WhatsApp; what it sent stays in the history", async () => {
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "linked", "6281234567890");
    await engine.api("POST /sessions/linked/send", { to: "6281200000001", message: "kept" });
    expect(await simulator.control.linkedDevices("6281234567890")).toBe(1);
    expect((await remove("linked")).status).toBe(200);
    expect(await simulator.control.linkedDevices("6281234567890")).toBe(0);
    expect(await traces()).toEqual(NOTHING);
    expect(query(engine.dataDir, "select body, status from messages where session_id = 'linked'")).toEqual([
      { body: "kept", status: "sent" },
    ]);
    expect(await takenBy(simulator, "6281234567890", "6281200000001")).toHaveLength(1);

    // The same name again is a new session with a code of its own.
    expect((await create("linked", "6281234567890")).status).toBe(201);
    await waitForStatus(engine, "linked", "qr_ready");
  });
});
