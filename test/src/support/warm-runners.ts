import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { labels } from "@whatsapp-engine/contract/runner";
import { count, query } from "./database.ts";
import { docker, volumesOf } from "./docker.ts";
import type { Engine } from "./engine.ts";
import { runnersOf } from "./runner.ts";
import { until } from "./until.ts";

/** Waits until so many warm runners show a code, and none is on its way. */
export function poolIs(engine: Engine, ready: number): Promise<unknown> {
  const wanted = JSON.stringify({ ready, starting: 0 });
  let last: unknown;
  return until(
    `a pool of ${ready}`,
    async () => {
      last = (await engine.api("GET /health")).body.warmRunners;
      return JSON.stringify(last) === wanted;
    },
    { timeoutMs: 80_000, seen: () => last },
  );
}

/** Kills the oldest runner of the pool, as the kernel or an operator might. */
export async function killWarmRunner({ dataDir, runtime }: Engine): Promise<void> {
  const [warm] = query(dataDir, "select profile_id from warm_runners order by created_at");
  const profileId = String(warm?.["profile_id"]);
  if (runtime === "process") {
    const owner = readFileSync(join(dataDir, "runners", profileId), "utf8");
    process.kill(Number.parseInt(owner, 10), "SIGKILL");
    return;
  }
  const containers = await docker("ps", "--quiet", "--filter", `label=${labels.profile}=${profileId}`);
  await docker("kill", ...containers);
}

/** Names of all profiles that are kept: volumes, or folders. */
export const profilesOf = async ({ dataDir, runtime, installId }: Engine): Promise<string[]> =>
  runtime === "docker" ? volumesOf(installId) : readdirSync(join(dataDir, "profiles"));

/** Waits until each session and each warm runner has one runner and one profile, and there is nothing else. */
export function oneRunnerEach(engine: Engine, { sessions, warm }: { sessions: number; warm: number }) {
  const { dataDir } = engine;
  const all = sessions + warm;
  const wanted = { sessions, warm, rows: sessions, runners: all, profiles: all };
  let last: unknown;
  return until(
    `${JSON.stringify(wanted)} and nothing else`,
    async () => {
      last = {
        sessions: count(dataDir, "sessions"),
        warm: count(dataDir, "warm_runners"),
        rows: count(dataDir, "runners"),
        runners: (await runnersOf(engine)).length,
        profiles: (await profilesOf(engine)).length,
      };
      return JSON.stringify(last) === JSON.stringify(wanted);
    },
    { seen: () => last },
  );
}
