import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOnProfiles } from "@whatsapp-engine/processes";
import { afterEach, describe, expect, it } from "vitest";
import { lastSeq, statusEvents } from "../support/events.ts";
import { loginIsOnDisk, profileDir, runnerPid } from "../support/runner.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/lib/chromium/chromium-headless-shell";
const ACCOUNT = "6281234567890";

/** `CHROMIUM_PATH` names a script: what it starts is neither our child nor, in the end, of our process group. */
describe("an engine whose Chromium is started by a launcher", () => {
  let stage: Stage;
  let folder: string;
  afterEach(async () => {
    await stage.close();
    rmSync(folder, { recursive: true });
  });

  const browsers = async () => {
    const dir = profileDir(stage.engine, "s");
    return (await findOnProfiles([{ folder: dir, userDataDir: join(dir, "browser/session") }]))[0]!.pids;
  };
  const isBack = async (after: number) => {
    const isConnected = () => statusEvents(stage.engine, "s", after).at(-1)?.status === "connected";
    await until("the session to be back", isConnected, { timeoutMs: 60_000 });
    expect(statusEvents(stage.engine, "s").filter(({ status }) => status === "qr_ready")).toHaveLength(1);
  };

  it.each([
    ["that waits for it", `${CHROMIUM} "$@"`],
    ["that is done at once", `[ "$1" = --version ] && exec ${CHROMIUM} "$1"\nsetsid ${CHROMIUM} "$@" &`],
  ])("%s: no kill leaves a browser beside the next, and no code is shown", async (_how, script) => {
    folder = mkdtempSync(join(tmpdir(), "launcher-"));
    chmodSync(folder, 0o755);
    const launcher = join(folder, "chromium");
    writeFileSync(launcher, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    stage = await startStage("process", { CHROMIUM_PATH: launcher });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "s", ACCOUNT);
    await loginIsOnDisk(engine, "s");

    let before = await browsers();
    let mark = lastSeq(engine, "s");
    process.kill(runnerPid(engine, "s"), "SIGKILL");
    await until(
      "the browser of before to end",
      async () => !(await browsers()).some((pid) => before.includes(pid)),
    );
    await isBack(mark);

    before = await browsers();
    mark = lastSeq(engine, "s");
    const runner = runnerPid(engine, "s");
    process.kill(engine.pid, "SIGSTOP"); // so that it ends nothing any more
    process.kill(runner, "SIGKILL");
    await engine.kill("SIGKILL");
    expect(await browsers()).not.toEqual([]);
    await engine.restart();
    await isBack(mark);
    expect((await browsers()).filter((pid) => before.includes(pid))).toEqual([]);

    expect((await engine.api("POST /sessions/s/stop")).status).toBe(200);
    await until("nothing to be on the profile", async () => (await browsers()).length === 0);
  });
});
