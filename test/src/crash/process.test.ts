import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { statusEvents } from "../support/events.ts";
import { processesWith } from "../support/processes.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

/** Child processes end with the engine, however it ends, and their sessions come back with it. */
describe("an engine with child processes", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process");
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
    await loginIsOnDisk(stage.engine, "s");
  });
  afterAll(() => stage.close());

  it.each(["SIGKILL", "SIGINT"] as const)("ended by %s", async (signal) => {
    const { engine, simulator } = stage;
    expect(processesWith(engine.dataDir).length).toBeGreaterThan(1);
    expect(await engine.kill(signal)).toBe(signal === "SIGINT" ? 0 : null);
    await until("runners and browsers to end", () => processesWith(engine.dataDir).length === 0, {
      timeoutMs: 15_000,
    });

    await engine.restart();
    await waitForStatus(engine, "s", "connected");
    expect(statusEvents(engine, "s").filter(({ status }) => status === "qr_ready")).toHaveLength(1);
    const message = `after ${signal}`;
    const answer = await engine.api("POST /sessions/s/send", { to: FRIEND, message });
    expect(answer.status, answer.text).toBe(200);
    expect((await takenBy(simulator, ACCOUNT, FRIEND)).filter(({ body }) => body === message)).toHaveLength(
      1,
    );
  });

  it("killed and started again at once: no two browsers are on one profile", async () => {
    const { engine } = stage;
    await engine.kill("SIGKILL");
    await engine.restart();
    await waitForStatus(engine, "s", "connected");
    expect(processesWith(`RUNNER_PROFILE_DIR=${engine.dataDir}/`)).toHaveLength(1);
    expect(statusEvents(engine, "s").filter(({ status }) => status === "qr_ready")).toHaveLength(1);
  });
});
