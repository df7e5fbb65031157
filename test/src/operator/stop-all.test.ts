import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Cleanup } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeDataFolder } from "../support/data-folder.ts";
import { startEngine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk, runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const program = fileURLToPath(new URL("../../../control-plane/build/stop-all.js", import.meta.url));

function stopAll(dataDir: string) {
  const { PATH, DOCKER_HOST } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    env: { PATH, DATA_DIR: dataDir, ...(DOCKER_HOST !== undefined && { DOCKER_HOST }) },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

it("stop-all says where there is no installation, and makes none", () => {
  const folder = makeDataFolder();
  const { status, said } = stopAll(folder.dataDir);
  expect(status, said).toBe(1);
  expect(said).toContain(`There is no installation in ${folder.dataDir}`);
  expect(existsSync(folder.dataDir)).toBe(false);
  folder.remove();
});

onEachRuntime("stop-all", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    for (const [index, sessionId] of ["a", "b"].entries())
      await linkSession(stage.engine, stage.simulator, sessionId, `628123456784${index}`);
    for (const sessionId of ["a", "b"]) await loginIsOnDisk(stage.engine, sessionId);
  });
  afterAll(() => stage.close());

  it("leaves an engine that runs alone", async () => {
    const { engine } = stage;
    const { status, said } = stopAll(engine.dataDir);
    expect(status, said).toBe(1);
    expect(said).toContain("Another engine is running");
    expect(await runnersOf(engine)).toHaveLength(2);
  });

  it.runIf(runtime === "docker")(
    "another installation is told of the runners, and touches none",
    async () => {
      const other = await startEngine({ runtime: "docker" });
      const { otherRunners } = (await other.api("GET /health/cleanup")).body as unknown as Cleanup;
      const ours = (otherRunners ?? []).filter(({ installId }) => installId === stage.engine.installId);
      expect(ours.map(({ liveness }) => liveness)).toEqual(["alive", "alive"]);
      await other.stop();
      expect(await runnersOf(stage.engine)).toHaveLength(2);
    },
  );

  it("ends every runner in order; the next start brings the sessions back, logins kept", async () => {
    const { engine } = stage;
    const after = { a: lastSeq(engine, "a"), b: lastSeq(engine, "b") };
    await engine.kill("SIGTERM");
    const { status, said } = stopAll(engine.dataDir);
    expect(status, said).toBe(0);
    expect(said).toContain(runtime === "docker" ? "2 of 2 runners have ended" : "0 of 0 runners");
    expect(await runnersOf(engine)).toEqual([]);
    expect(stopAll(engine.dataDir).said).toContain("0 of 0 runners");
    await engine.restart();
    for (const sessionId of ["a", "b"] as const) {
      const seen = () => statusEvents(engine, sessionId, after[sessionId]).map((event) => event.status);
      await until(`session ${sessionId} to be back`, () => seen().at(-1) === "connected", {
        timeoutMs: 60_000,
        seen,
      });
      expect(seen()).not.toContain("qr_ready");
    }
  });
});
