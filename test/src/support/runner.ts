import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { query } from "./database.ts";
import { containerOf, containersOf, docker } from "./docker.ts";
import type { Engine } from "./engine.ts";
import { processesWith } from "./processes.ts";
import { until } from "./until.ts";

/** Kills a session's runner, as the kernel or an operator might. */
export async function killRunner(engine: Engine, sessionId: string): Promise<void> {
  if (engine.runtime === "docker") {
    await docker("kill", await containerOf(engine.installId, sessionId));
    return;
  }
  process.kill(runnerPid(engine, sessionId), "SIGKILL");
}

/** Pid of a session's runner on the process runtime. */
export const runnerPid = (engine: Engine, sessionId: string): number =>
  Number.parseInt(readFileSync(join(engine.dataDir, "runners", profileOf(engine, sessionId)), "utf8"), 10);

/** Process runtime only. */
export const profileDir = (engine: Engine, sessionId: string): string =>
  join(engine.dataDir, "profiles", profileOf(engine, sessionId));

function profileOf({ dataDir }: Engine, sessionId: string): string {
  const [profile] = query(dataDir, "select id from profiles where session_id = ?", sessionId);
  return String(profile?.["id"]);
}

/** What a page of the simulator keeps of its login; Chromium writes it to disk some seconds after the scan. */
const LOGIN = "simulated-whatsapp-login";

/** Waits until the login stands in the profile's files, from when on it outlives a browser that is killed. */
export async function loginIsOnDisk(engine: Engine, sessionId: string): Promise<void> {
  const what = `the login of ${sessionId} to be on disk`;
  if (engine.runtime === "docker") {
    const container = await containerOf(engine.installId, sessionId);
    // One process in the container, which looks again and again: to start one takes longer than to look.
    const look = `grep --recursive --quiet --text ${LOGIN} /profile/browser`;
    const command = ["timeout", "30", "sh", "-c", `until ${look}; do sleep 0.1; done`];
    await docker("exec", container, ...command).catch((cause: unknown) => {
      throw new Error(`Waited in vain for ${what}`, { cause });
    });
    return;
  }
  const storage = join(profileDir(engine, sessionId), "browser/session/Default/Local Storage/leveldb");
  await until(what, () => filesIn(storage).some((file) => readFileSync(file).includes(LOGIN)));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Every runner that an engine has: ids of containers (ended ones too), or pids. */
export async function runnersOf({ runtime, installId, dataDir }: Engine): Promise<string[]> {
  if (runtime === "docker") return containersOf(installId);
  return processesWith(`RUNNER_PROFILE_DIR=${dataDir}/`).map(String);
}
