import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { containerOf, docker } from "../support/docker.ts";
import { statusEvents } from "../support/events.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { onDocker, onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const ofDatabase = (file: string) => file.startsWith("engine.sqlite");

const send = ({ engine }: Stage, message: string) =>
  engine.api("POST /sessions/a/send", { to: FRIEND, message });
const generationOf = ({ engine }: Stage) =>
  query(engine.dataDir, "select generation from profiles")[0]?.["generation"];

onEachRuntime("an older database is put back", (runtime) => {
  it("its runner's number was given before: it says so, and the next one goes on with the login", async () => {
    stage = await startStage(runtime);
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    await loginIsOnDisk(engine, "a");
    await simulator.control.deliver(ACCOUNT, { from: FRIEND, body: "hello" });
    const told = () =>
      query(engine.dataDir, "select 1 from events where type = 'message.received' and data like '%hello%'");
    await until("the message to be told", () => told().length === 1);
    await engine.kill("SIGTERM");
    const backup = mkdtempSync(join(tmpdir(), "backup-"));
    const copy = (from: string, to: string) => {
      for (const file of readdirSync(to).filter(ofDatabase)) rmSync(join(to, file));
      for (const file of readdirSync(from).filter(ofDatabase)) cpSync(join(from, file), join(to, file));
    };
    copy(engine.dataDir, backup);
    try {
      await engine.restart();
      await waitForStatus(engine, "a", "connected");
      for (let time = 0; time < 3; time += 1) {
        await engine.api("POST /sessions/a/restart");
        await waitForStatus(engine, "a", "connected");
      }
      expect((await send(stage, "before")).status).toBe(200);
      const last = Number(generationOf(stage));
      await engine.kill("SIGTERM");
      copy(backup, engine.dataDir);
      expect(Number(generationOf(stage))).toBeLessThan(last);
      await engine.restart();
      // A container that ran on is adopted as it is; the number of the next one was given before.
      if (runtime === "docker") {
        await waitForStatus(engine, "a", "connected");
        await engine.api("POST /sessions/a/restart");
      }
      const refusals = () => statusEvents(engine, "a").filter(({ reason }) => reason === "superseded");
      await until("the runner to say that it is not the newest", () => refusals().length > 0);
      await waitForStatus(engine, "a", "connected");
      expect(refusals()).toHaveLength(1); // the next number is above the one that was found, not above the last that was tried
      expect(Number(generationOf(stage))).toBe(last + 1);
      expect((await send(stage, "after")).status).toBe(200);
      const taken = await takenBy(simulator, ACCOUNT, FRIEND);
      expect(taken.map(({ body }) => body)).toEqual(["before", "after"]);
      // A runner that may not touch the profile knows nothing of its journal.
      expect(told()).toHaveLength(1);
    } finally {
      rmSync(backup, { recursive: true });
    }
  });
});

onDocker("a second container on the volume of a session", () => {
  it("started by hand with a lower number: it refuses before a browser starts, and the session goes on", async () => {
    stage = await startStage("docker");
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const present = await containerOf(engine.installId, "a");
    const inspect = async (format: string) => docker("inspect", "--format", format, present);
    const [image = ""] = await inspect("{{.Image}}");
    const [volume = ""] = await inspect("{{(index .Mounts 0).Name}}");
    const environment = (await inspect("{{range .Config.Env}}{{println .}}{{end}}")).filter(
      (line) => line.startsWith("RUNNER_") && !line.startsWith("RUNNER_GENERATION="),
    );
    const [second = ""] = await docker(
      "run",
      "--detach",
      "--network=none",
      `--volume=${volume}:/profile`,
      ...[...environment, "RUNNER_GENERATION=0", "RUNNER_ID=by-hand"].map((line) => `--env=${line}`),
      image,
    );
    try {
      await until("the second container to refuse", async () =>
        (await docker("logs", second)).some((line) => line.includes("a newer runner has the profile")),
      );
      expect((await docker("top", second)).join()).not.toContain("chrom");
      expect((await send(stage, "undisturbed")).status).toBe(200);
      expect(await containerOf(engine.installId, "a")).toBe(present);
    } finally {
      await docker("rm", "--force", second);
    }
  });
});
