import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { containersOf, startedAt } from "../support/docker.ts";
import { query } from "../support/database.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { processesWith } from "../support/processes.ts";
import { onDocker } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";

let stage: Stage;
afterEach(() => stage.close());

describe("a signal to end", () => {
  const what =
    "lets a running call end, takes no new one, and leaves neither process nor open database behind";
  it.each(["SIGTERM", "SIGHUP"] as const)(`%s: ${what}`, async (signal) => {
    stage = await startStage("process", { SHUTDOWN_TIMEOUT_SECONDS: "20" });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    await simulator.control.configure({ delays: { ackMs: 2_000 } });
    const running = engine.api("POST /sessions/a/send", { to: TO, message: "slow" });
    await until(
      "WhatsApp to have the message",
      async () => (await takenBy(simulator, ACCOUNT, TO)).length === 1,
    );

    const ended = engine.kill(signal);
    await until("the engine to stop", () => engine.output().includes("engine stops"));
    // A terminal that is closed says so more than once.
    if (signal === "SIGHUP") void engine.kill(signal);
    expect((await running).body).toMatchObject({ status: "sent" });
    expect(await ended).toBe(0);
    await expect(engine.api("GET /health")).rejects.toThrow();
    expect(processesWith(engine.dataDir)).toEqual([]);
    expect(existsSync(join(engine.dataDir, "engine.sqlite-wal"))).toBe(false);
    expect(engine.output()).toContain("engine stopped");
  });

  it("answers a send that is not settled when its time is up with 202, and settles it after the next start", async () => {
    stage = await startStage("process", { SHUTDOWN_TIMEOUT_SECONDS: "1" });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    await simulator.control.configure({ delays: { ackMs: 8_000 } });
    const running = engine.api("POST /sessions/a/send", { to: TO, message: "slower" });
    await until(
      "WhatsApp to have the message",
      async () => (await takenBy(simulator, ACCOUNT, TO)).length === 1,
    );

    const ended = engine.kill("SIGTERM");
    const answer = await running;
    expect(answer.status, answer.text).toBe(202);
    expect(answer.body).toMatchObject({ success: true, status: "sending" });
    expect(await ended).toBe(0);

    await simulator.control.configure({ delays: { ackMs: 0 } });
    await engine.restart();
    await waitForStatus(engine, "a", "connected");
    await until("the message to be settled", () => {
      const [row] = query(engine.dataDir, "select status from messages where id = ?", answer.body.messageId);
      return row?.["status"] === "sent";
    });
    expect(await takenBy(simulator, ACCOUNT, TO)).toHaveLength(1);
  });
});

describe("a terminal that is closed", () => {
  it("ends the engine in order, though nobody takes its log any more, and keeps the login", async () => {
    stage = await startStage("process", {}, { terminal: true });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const seen = lastSeq(engine, "a");

    await engine.kill("SIGKILL");
    await until("engine, runner and browser to end", () => processesWith(engine.dataDir).length === 0, {
      // A runner that hangs is killed after 25 s.
      timeoutMs: 20_000,
    });
    expect(existsSync(join(engine.dataDir, "engine.sqlite-wal"))).toBe(false);

    await engine.restart();
    await waitForStatus(engine, "a", "connected");
    expect(statusEvents(engine, "a", seen).map(({ status }) => status)).not.toContain("qr_ready");
    const answer = await engine.api("POST /sessions/a/send", { to: TO, message: "after the terminal" });
    expect(answer.status, answer.text).toBe(200);
  });
});

onDocker("SIGTERM with containers", () => {
  it("leaves them up, and the next start takes them over", async () => {
    stage = await startStage("docker");
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const [container = ""] = await containersOf(engine.installId);
    const before = await startedAt(container);

    expect(await engine.kill("SIGTERM")).toBe(0);
    expect(await startedAt(container)).toBe(before);
    await engine.restart();
    const answer = await engine.api("POST /sessions/a/send", { to: TO, message: "still here" });
    expect(answer.status, answer.text).toBe(200);
    expect(await startedAt(container)).toBe(before);
  });
});
