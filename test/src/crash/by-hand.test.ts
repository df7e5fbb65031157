import { afterAll, beforeAll, expect, it } from "vitest";
import type { Simulator } from "@whatsapp-engine/simulator";
import { query } from "../support/database.ts";
import { containerOf, containersOf, docker, networksOf, volumesOf } from "../support/docker.ts";
import type { Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { volumeName } from "../support/profiles.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { onDocker } from "../support/runtimes.ts";
import { linkSession, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNTS = { a: "6281234567800", b: "6281234567801", c: "6281234567802" } as const;
type SessionId = keyof typeof ACCOUNTS;
const ALL = Object.keys(ACCOUNTS) as SessionId[];
const FRIEND = "6281200000001";

/** What an operator removes by hand is made again; only a volume takes the login with it. */
onDocker("parts that are removed by hand", () => {
  let stage: Stage;
  let engine: Engine;
  let simulator: Simulator;
  beforeAll(async () => {
    stage = await startStage("docker");
    ({ engine, simulator } = stage);
    for (const sessionId of ALL) await linkSession(engine, simulator, sessionId, ACCOUNTS[sessionId]);
    for (const sessionId of ALL) await loginIsOnDisk(engine, sessionId);
  });
  afterAll(() => stage.close());

  const containers = () => Promise.all(ALL.map((sessionId) => containerOf(engine.installId, sessionId)));
  const volumeOf = (sessionId: SessionId) =>
    volumeName(
      String(query(engine.dataDir, "select id from profiles where session_id = ?", sessionId)[0]?.["id"]),
    );
  const marks = () =>
    Object.fromEntries(ALL.map((id) => [id, lastSeq(engine, id)])) as Record<SessionId, number>;

  async function sends(sessionId: SessionId, message: string) {
    const answer = await engine.api(`POST /sessions/${sessionId}/send`, { to: FRIEND, message });
    expect(answer.status, answer.text).toBe(200);
    const taken = await takenBy(simulator, ACCOUNTS[sessionId], FRIEND);
    expect(taken.filter(({ body }) => body === message)).toHaveLength(1);
  }

  /** Connected again after it was not; no code was shown since. */
  async function comesBack(sessionId: SessionId, after: number) {
    const seen = () => statusEvents(engine, sessionId, after).map(({ status }) => status);
    await until(`session ${sessionId} to be back`, () => seen().at(-1) === "connected", {
      timeoutMs: 80_000,
      seen,
    });
    expect(seen()).not.toContain("qr_ready");
  }

  /** What holds the volume while no runner is on it. */
  const removeKeeper = (volume: string) => {
    const name = volume.replace("whatsapp-profile-", "whatsapp-keeps-");
    return docker("rm", name);
  };

  /** Its login is gone, which is said; once it is started it asks for a scan, and then all is as ever. */
  async function isLinkedAnew(sessionId: SessionId) {
    await waitForStatus(engine, sessionId, { status: "disconnected", reason: "login_lost" });
    expect((await engine.api(`POST /sessions/${sessionId}/start`)).status).toBe(200);
    await waitForStatus(engine, sessionId, "qr_ready");
    await scan(engine, simulator, sessionId, ACCOUNTS[sessionId]);
    await waitForStatus(engine, sessionId, "connected");
    const body = `to a new login, at ${lastSeq(engine, sessionId)}`;
    await simulator.control.deliver(ACCOUNTS[sessionId], { from: FRIEND, body });
    await until("what comes in to be told", () => {
      const told = "select id from events where session_id = ? and json_extract(data, '$.body') = ?";
      return query(engine.dataDir, told, sessionId, body).length === 1;
    });
    await sends(sessionId, `${body}, answered`);
    await loginIsOnDisk(engine, sessionId);
  }

  it("a container: it is brought back, login kept", async () => {
    const after = lastSeq(engine, "a");
    const old = await containerOf(engine.installId, "a");
    await docker("rm", "--force", old);
    await comesBack("a", after);
    expect(await containerOf(engine.installId, "a")).not.toBe(old);
    await sends("a", "after docker rm");
  });

  it("the volume of a stopped session: it says so, asks for a scan once it is started, and what comes afterwards is told", async () => {
    await sends("b", "before the volume went");
    await simulator.control.deliver(ACCOUNTS.b, { from: FRIEND, body: "before the volume went" });
    await until("it to be told", () => {
      const told = "select id from events where session_id = 'b' and type = 'message.received'";
      return query(engine.dataDir, told).length > 0;
    });
    expect((await engine.api("POST /sessions/b/stop")).status).toBe(200);
    const volume = volumeOf("b");
    await removeKeeper(volume);
    await until("the volume to be free", () =>
      docker("volume", "rm", volume).then(
        () => true,
        () => false,
      ),
    );
    expect((await engine.api("POST /sessions/b/start")).status).toBe(200);
    await isLinkedAnew("b");
    expect(volumeOf("b")).toBe(volume);
    expect(await volumesOf(engine.installId)).toContain(volume);
  });

  it("a volume with its container: it says so, and asks for a scan once it is started", async () => {
    const volume = volumeOf("c");
    await expect(docker("volume", "rm", volume)).rejects.toThrow("in use");
    await until("volume and container to be gone", async () => {
      const running = await containerOf(engine.installId, "c").catch(() => null);
      if (running !== null) await docker("rm", "--force", running).catch(() => undefined);
      await removeKeeper(volume).catch(() => undefined);
      return docker("volume", "rm", volume).then(
        () => true,
        () => false,
      );
    });
    await isLinkedAnew("c");
  });

  it("the network, while nothing is on it: it is made again", async () => {
    const after = marks();
    // Held still, so that it starts none before the network is gone.
    process.kill(engine.pid, "SIGSTOP");
    try {
      await docker("kill", ...(await containers()));
      await docker("network", "rm", ...(await networksOf(engine.installId)));
    } finally {
      process.kill(engine.pid, "SIGCONT");
    }
    await Promise.all(ALL.map((sessionId) => comesBack(sessionId, after[sessionId])));
    expect(await networksOf(engine.installId)).toHaveLength(1);
    for (const sessionId of ALL) await sends(sessionId, `${sessionId} after its network`);
  });

  it("the network under running containers: they are replaced", async () => {
    const after = marks();
    const before = await containers();
    const [network = ""] = await networksOf(engine.installId);
    for (const container of before) await docker("network", "disconnect", "--force", network, container);
    await docker("network", "rm", network);
    await Promise.all(ALL.map((sessionId) => comesBack(sessionId, after[sessionId])));
    const now = await containers();
    expect(now.filter((container) => before.includes(container))).toEqual([]);
    expect(await containersOf(engine.installId)).toHaveLength(ALL.length);
    await sends("a", "after a cut network");
  });

  it("the whole machine, rebooted: all are back, one after the other, the one that was used last first", async () => {
    for (const sessionId of ["b", "c", "a"] as const)
      await sends(sessionId, `${sessionId} before the reboot`);
    const after = marks();
    const [newest] = query(engine.dataDir, "select max(id) as id from events");
    await engine.kill("SIGKILL");
    await docker("kill", ...(await containers()));
    await engine.restart({ RUNNER_START_CONCURRENCY: "1" });
    await Promise.all(ALL.map((sessionId) => comesBack(sessionId, after[sessionId])));
    const back = query(
      engine.dataDir,
      `select session_id as session from events where id > ? and type = 'session.status' and data like '%"connected"%' order by id`,
      newest?.["id"],
    );
    expect(back.map(({ session }) => session)).toEqual(["a", "c", "b"]);
    expect(await containersOf(engine.installId)).toHaveLength(ALL.length);
  });
});
