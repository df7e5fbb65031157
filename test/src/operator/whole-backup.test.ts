import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { removeInstallation, volumesOf } from "../support/docker.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk, runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const [ACCOUNT, OTHER] = ["6281234567840", "6281234567841"];
const FRIEND = "6281200000001";
const YEAR_MS = 365 * 24 * 60 * 60_000;

const build = fileURLToPath(new URL("../../../control-plane/build/", import.meta.url));

function run(
  program: "backup-all" | "restore-all",
  dataDir: string,
  args: readonly string[],
  input?: Buffer,
) {
  const { PATH, DOCKER_HOST, RUNNER_IMAGE } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(build, `${program}.js`), ...args], {
    env: {
      PATH,
      DATA_DIR: dataDir,
      ...(DOCKER_HOST !== undefined && { DOCKER_HOST }),
      ...(RUNNER_IMAGE !== undefined && { RUNNER_IMAGE }),
    },
    ...(input && { input }),
    maxBuffer: 1024 * 1024 * 1024,
    timeout: 60_000,
  });
  return { status, stdout, said: stderr.toString() };
}

onEachRuntime("a backup of everything", (runtime) => {
  let stage: Stage;
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "whole-backup-"));
    file = join(folder, "engine-backup.tgz");
    stage = await startStage(runtime);
    await linkSession(stage.engine, stage.simulator, "a", ACCOUNT!);
    await linkSession(stage.engine, stage.simulator, "b", OTHER!);
    for (const sessionId of ["a", "b"]) await loginIsOnDisk(stage.engine, sessionId);
  });
  afterAll(async () => {
    await stage.close();
    rmSync(folder, { recursive: true });
  });

  const send = (sessionId: string, message: string, more: object = {}) =>
    stage.engine.api(`POST /sessions/${sessionId}/send`, { to: FRIEND, message, ...more });
  const statusOf = (text: string) =>
    query(stage.engine.dataDir, "select status from messages where body = ?", text)[0]?.["status"];
  const texts = async (account: string) =>
    (await takenBy(stage.simulator, account, FRIEND)).map(({ body }) => body);
  /** What becomes of the machine that the backup is for. */
  const loseEverything = async () => {
    const { engine } = stage;
    await engine.kill("SIGTERM");
    await until(
      "its runners to end",
      async () => runtime === "docker" || (await runnersOf(engine)).length === 0,
    );
    if (runtime === "docker") await removeInstallation(engine.installId);
    rmSync(engine.dataDir, { recursive: true });
  };
  /** Resolves once both are connected, and neither asked for a scan. */
  const backWithoutScan = async (after: Record<"a" | "b", number>) => {
    for (const sessionId of ["a", "b"] as const) {
      const seen = () => statusEvents(stage.engine, sessionId, after[sessionId]).map(({ status }) => status);
      await until(`session ${sessionId} to be back`, () => seen().at(-1) === "connected", {
        timeoutMs: 60_000,
        seen,
      });
      expect(seen()).not.toContain("qr_ready");
    }
  };

  it("is not made while an engine runs", () => {
    const { status, said } = run("backup-all", stage.engine.dataDir, [file]);
    expect(status, said).toBe(1);
    expect(said).toContain("Another engine is running");
    expect(existsSync(file)).toBe(false);
  });

  it("goes back onto an empty place: connected without a scan, and nothing is sent again", async () => {
    const { engine } = stage;
    expect((await send("a", "before")).body.status).toBe("sent");
    await engine.api("POST /sessions/b/stop");
    await send("b", "waits", { async: true });
    const scheduledAt = new Date(Date.now() + YEAR_MS).toISOString();
    await send("b", "in a year", { scheduledAt });
    await engine.kill("SIGTERM");
    const made = run("backup-all", engine.dataDir, [file]);
    expect(made.status, made.said).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await runnersOf(engine)).toEqual([]);
    const after = { a: lastSeq(engine, "a"), b: lastSeq(engine, "b") };

    // The engine goes on for a while, as it does until the disk fails.
    await engine.restart();
    await engine.api("POST /sessions/b/start");
    await until("what waited to go out", async () => (await texts(OTHER!)).includes("waits"), {
      timeoutMs: 60_000,
    });
    await waitForStatus(engine, "a", "connected");
    await loseEverything();
    const back = run("restore-all", engine.dataDir, [file]);
    expect(back.status, back.said).toBe(0);
    await engine.restart();
    await engine.api("POST /sessions/b/start");
    await backWithoutScan(after);
    expect((await send("a", "after")).body.status).toBe("sent");
    expect((await send("b", "after")).body.status).toBe("sent");
    expect(await texts(ACCOUNT!)).toEqual(["before", "after"]);
    expect(await texts(OTHER!)).toEqual(["waits", "after"]);
    expect([statusOf("before"), statusOf("waits"), statusOf("in a year")]).toEqual([
      "sent",
      "unknown",
      "queued",
    ]);
  });

  it("is said in a sentence where it cannot be written, or an option is none", async () => {
    const { engine } = stage;
    await engine.kill("SIGTERM");
    const nowhere = run("backup-all", engine.dataDir, [join(folder, "nowhere", "file.tgz")]);
    expect([nowhere.status, nowhere.said]).toEqual([
      1,
      expect.stringContaining("This cannot be done: ENOENT"),
    ]);
    const within = run("backup-all", engine.dataDir, [join(engine.dataDir, "file.tgz")]);
    expect([within.status, within.said]).toEqual([1, expect.stringContaining("name another place")]);
    for (const program of ["backup-all", "restore-all"] as const) {
      const { status, said } = run(program, engine.dataDir, ["--send-wating"]);
      expect([status, said]).toEqual([1, expect.stringContaining("Unknown option '--send-wating'")]);
    }
    await engine.restart();
  });

  it("is refused where there is an installation, or its logins are", async () => {
    const { engine } = stage;
    await engine.kill("SIGTERM");
    const onto = run("restore-all", engine.dataDir, [file]);
    expect(onto.status).toBe(1);
    expect(onto.said).toContain(`There is an installation in ${engine.dataDir} already`);
    const elsewhere = makeDataFolder();
    try {
      const beside = run("restore-all", elsewhere.dataDir, [file]);
      // In the process runtime the logins are in the folder, and another one is another place.
      expect(beside.status, beside.said).toBe(runtime === "docker" ? 1 : 0);
      if (runtime === "docker") {
        expect(beside.said).toContain("2 logins");
        expect(existsSync(join(elsewhere.dataDir, "install.json"))).toBe(false);
      }
    } finally {
      elsewhere.remove();
    }
    await engine.restart();
  });

  it("goes through a pipe; half of it, or something else, restores nothing", async () => {
    const { engine } = stage;
    await engine.kill("SIGTERM");
    const { status, stdout, said } = run("backup-all", engine.dataDir, []);
    expect(status, said).toBe(0);
    const after = { a: lastSeq(engine, "a"), b: lastSeq(engine, "b") };
    await loseEverything();
    for (const bytes of [stdout.subarray(0, stdout.length - 1000), Buffer.from("no backup")]) {
      const failed = run("restore-all", engine.dataDir, [], bytes);
      expect(failed.status).toBe(1);
      expect(failed.said).toMatch(/^The file is no .*\n$/);
      expect(existsSync(join(engine.dataDir, "install.json"))).toBe(false);
      if (runtime === "docker") expect(await volumesOf(engine.installId)).toEqual([]);
    }
    const back = run("restore-all", engine.dataDir, ["--send-waiting"], stdout);
    expect(back.status, back.said).toBe(0);
    await engine.restart();
    await backWithoutScan(after);
    expect(statusOf("in a year")).toBe("queued");
  });
});
