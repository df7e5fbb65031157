import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { labels } from "@whatsapp-engine/contract/runner";
import { docker, volumesOf } from "./docker.ts";
import type { Engine } from "./engine.ts";

/** Files of a profile, by their path in it. */
export type Files = Readonly<Record<string, string>>;

export const claimFile = (sessionId: string, claimedAt: string): Files => ({
  "claim.json": JSON.stringify({ sessionId, claimedAt }),
});

/** What a runner notes where there is a login. */
export const LINKED: Files = { "browser/linked": "2026-01-01T00:00:00.000Z" };

const WRITE = `
  const { mkdirSync, writeFileSync } = require("node:fs");
  const { dirname } = require("node:path");
  for (const [path, text] of Object.entries(JSON.parse(process.argv[1]))) {
    mkdirSync(dirname("/profile/" + path), { recursive: true });
    writeFileSync("/profile/" + path, text);
  }`;

/** Makes a profile that no database knows of, as an installation's own or another's. Answers its id. */
export async function plantProfile(
  { runtime, dataDir, installId }: Engine,
  files: Files,
  owner: string | null = installId,
): Promise<string> {
  const profileId = randomUUID();
  if (runtime === "process") {
    const folder = join(dataDir, "profiles", profileId);
    mkdirSync(folder, { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return profileId;
  }
  const volume = volumeName(profileId);
  const flags = owner === null ? [] : labelFlags({ install: owner, profile: profileId });
  await docker("volume", "create", ...flags, volume);
  const image = process.env["RUNNER_IMAGE"] ?? "whatsapp-engine-runner";
  const mount = `type=volume,source=${volume},target=/profile`;
  const node = ["--user", "0", "--entrypoint", "node", image, "-e", WRITE, JSON.stringify(files)];
  await docker("run", "--rm", "--mount", mount, ...node);
  return profileId;
}

/** Flags that put our labels on something that is made by hand. */
export const labelFlags = (values: Partial<Record<keyof typeof labels, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [
    "--label",
    `${labels[name as keyof typeof labels]}=${value}`,
  ]);

export const volumeName = (profileId: string): string => `whatsapp-profile-${profileId}`;

/** Ids of the profiles that an installation has. */
export async function profilesOf({ runtime, dataDir, installId }: Engine): Promise<string[]> {
  if (runtime === "docker")
    return (await volumesOf(installId)).map((name) => name.replace(volumeName(""), ""));
  const folder = join(dataDir, "profiles");
  return existsSync(folder) ? readdirSync(folder) : [];
}
