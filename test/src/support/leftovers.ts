import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { labels } from "@whatsapp-engine/contract/runner";
import { query } from "./database.ts";
import { docker, volumesOf } from "./docker.ts";
import type { Engine } from "./engine.ts";
import { processesWith } from "./processes.ts";

type Runner = { runnerId: string; profileId: string };

/**
 * What is at the runtime and should not be, or is not and should, each in a sentence: every session that is to run has
 * one runner, the others none, and neither runner, profile nor row is left of anything else. Sessions that wait for
 * their runner, or are being deleted, are such findings for a while.
 */
export async function findLeftovers(engine: Engine): Promise<string[]> {
  const { dataDir } = engine;
  // What is there first: a row is written before what it is about, and goes after it.
  const [runners, stored] = await Promise.all([runnersAtRuntime(engine), profilesAtRuntime(engine)]);
  const sessions = query(
    dataDir,
    "select s.id, s.desired, s.runner_id, p.id as profile from sessions s left join profiles p on p.session_id = s.id",
  );
  const warm = query(dataDir, "select runner_id, profile_id from warm_runners");
  const known = new Set([...sessions.map(({ profile }) => profile), ...warm.map((row) => row["profile_id"])]);
  const written = query(dataDir, "select id from runners").map(({ id }) => String(id));

  const ofSessions = sessions.flatMap(({ id, desired, runner_id: present, profile }) => {
    const own = runners.filter(({ profileId }) => profileId === profile).map(({ runnerId }) => runnerId);
    const wanted = desired === "running" ? [present] : [];
    if (desired === "deleted") return [`session ${id} is not deleted to the end`];
    return String(own) === String(wanted)
      ? []
      : [`session ${id} is to have the runners [${wanted}], and has [${own}]`];
  });
  const there = new Set(runners.map(({ runnerId }) => runnerId));
  return [
    ...ofSessions,
    ...runners
      .filter(({ profileId }) => !known.has(profileId))
      .map((one) => `nobody's runner ${one.runnerId}`),
    ...stored.filter((id) => !known.has(id)).map((id) => `nobody's profile ${id}`),
    ...written.filter((id) => !there.has(id)).map((id) => `a row for the runner ${id}, which is not there`),
  ];
}

/** Ended containers too. */
async function runnersAtRuntime({ runtime, installId, dataDir }: Engine): Promise<Runner[]> {
  if (runtime === "docker") {
    const format = `{{.Label "${labels.runner}"}} {{.Label "${labels.profile}"}}`;
    const filters = [`label=${labels.install}=${installId}`, `label=${labels.runner}`];
    const lines = await docker(
      "ps",
      "--all",
      ...filters.flatMap((filter) => ["--filter", filter]),
      "--format",
      format,
    );
    return lines.map((line) => {
      const [runnerId = "", profileId = ""] = line.split(" ");
      return { runnerId, profileId };
    });
  }
  return processesWith(`RUNNER_PROFILE_DIR=${dataDir}/`).flatMap((pid) => {
    const environment = environmentOf(pid);
    const runnerId = environment.get("RUNNER_ID");
    const profileId = environment.get("RUNNER_PROFILE_ID");
    return runnerId === undefined || profileId === undefined ? [] : [{ runnerId, profileId }];
  });
}

/** Empty for a process that ended meanwhile. */
function environmentOf(pid: number): Map<string, string> {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  } catch {
    return new Map();
  }
}

async function profilesAtRuntime({ runtime, installId, dataDir }: Engine): Promise<string[]> {
  if (runtime === "docker") {
    const volumes = await volumesOf(installId);
    return volumes.map((name) => name.replace(/^whatsapp-profile-/, ""));
  }
  const folder = join(dataDir, "profiles");
  return existsSync(folder) ? readdirSync(folder) : [];
}
