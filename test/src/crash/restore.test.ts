import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { restoreBackup, takeBackup } from "../support/backup.ts";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath, type Death } from "../support/death.ts";
import { linkSession, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const ACCOUNT = "6281234567890";

describe("an engine that is killed while it restores a login", () => {
  const folder = makeDataFolder();
  const death: Death = createDeath(folder.path);
  let stage: Stage;
  let backup: Buffer;
  beforeAll(async () => {
    stage = await startStage("process", death.settings, { nodeArgs: death.nodeArgs });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
    await stage.engine.api("POST /sessions/s/stop");
    backup = (await takeBackup(stage.engine, "s")).bytes;
  });
  afterAll(async () => {
    await stage.close();
    folder.remove();
  });
  const profile = () => query(stage.engine.dataDir, "select id from profiles")[0]?.["id"];
  const inFolder = (name: string) => readdirSync(join(stage.engine.dataDir, name));

  it.each([
    ["restore.imported", "the old login"],
    ["restore.switched", "the restored login"],
  ] as const)("at %s leaves %s, and nothing of the other", async (step, left) => {
    const old = profile();
    death.order(step);
    const cutOff = restoreBackup(stage.engine, "s", backup).catch(() => "no answer");
    await death.happened();
    expect(await cutOff).toBe("no answer");
    expect(inFolder("profiles")).toHaveLength(2);
    await stage.engine.kill("SIGKILL");
    await stage.engine.restart();
    expect(profile() === old).toBe(left === "the old login");
    expect(inFolder("profiles")).toEqual([profile()]);
    expect(inFolder("unused-profiles")).toEqual([]);
    await stage.engine.api("POST /sessions/s/start");
    await waitForStatus(stage.engine, "s", "connected");
    await stage.engine.api("POST /sessions/s/stop");
  });
});
