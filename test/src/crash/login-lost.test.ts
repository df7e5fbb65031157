import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { labels } from "@whatsapp-engine/contract/runner";
import { query } from "../support/database.ts";
import { docker } from "../support/docker.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk, profileDir, runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567850";
const FRIEND = "6281200000001";

/** A login that vanished while its session slept. */
onEachRuntime("a login that vanished", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
    await loginIsOnDisk(stage.engine, "s");
  });
  afterAll(() => stage.close());

  const prune = (what: "volume" | "container") =>
    docker(what, "prune", "--force", "--filter", `label=${labels.install}=${stage.engine.installId}`);
  const seen = (after: number) => statusEvents(stage.engine, "s", after).map(({ status }) => status);

  async function sleep() {
    const answer = await stage.engine.api("POST /sessions/s/hibernate");
    expect(answer.status, answer.text).toBe(200);
    await until("nothing to be left of its runner", async () => (await runnersOf(stage.engine)).length === 0);
  }

  it.runIf(runtime === "docker")(
    "docker volume prune does not take the login of one that sleeps",
    async () => {
      const { engine } = stage;
      await sleep();
      await prune("volume");
      const after = lastSeq(engine, "s");
      expect((await engine.api("POST /sessions/s/start")).status).toBe(200);
      await waitForStatus(engine, "s", "connected");
      expect(seen(after)).not.toContain("qr_ready");
    },
  );

  it("is said when the session is woken: it stops without a code, and its message waits", async () => {
    const { engine, simulator } = stage;
    await sleep();
    if (runtime === "docker") {
      await prune("container");
      await prune("volume");
    } else rmSync(profileDir(engine, "s"), { recursive: true });
    const after = lastSeq(engine, "s");
    const message = "after the login was lost";
    const queued = await engine.api("POST /sessions/s/send", { to: FRIEND, message, async: true });
    expect(queued.status, queued.text).toBe(202);
    const { detail } = await waitForStatus(engine, "s", { status: "disconnected", reason: "login_lost" });
    expect(detail).toContain("/start");
    await until("nothing to be left of its runner", async () => (await runnersOf(engine)).length === 0);
    expect(seen(after)).not.toContain("qr_ready");
    const qr = await engine.api("GET /sessions/s/qr?wait=0");
    expect(qr.body).toMatchObject({ qr: null, reason: "login_lost" });

    expect((await engine.api("POST /sessions/s/start")).status).toBe(200);
    await scan(engine, simulator, "s", ACCOUNT);
    await until("the message to be sent", () => {
      const [row] = query(engine.dataDir, "select status from messages where session_id = 's'");
      return row?.["status"] === "sent" || row?.["status"] === "delivered";
    });
    expect(await takenBy(simulator, ACCOUNT, FRIEND)).toHaveLength(1);
  });
});
