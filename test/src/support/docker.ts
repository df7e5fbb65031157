import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { labels } from "@whatsapp-engine/contract/runner";
import { dockerBridgeAddress } from "@whatsapp-engine/simulator";

const run = promisify(execFile);

/** The Docker client as an operator has it. Answers the lines of its output. */
export async function docker(...args: string[]): Promise<string[]> {
  const { stdout } = await run("docker", args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.split("\n").filter((line) => line !== "");
}

const ofInstall = (installId: string) => ["--filter", `label=${labels.install}=${installId}`];

/** Ids of an installation's runners, ended ones too. */
export const containersOf = (installId: string): Promise<string[]> =>
  docker(
    "ps",
    "--all",
    "--no-trunc",
    "--quiet",
    ...ofInstall(installId),
    "--filter",
    `label=${labels.runner}`,
  );

/** Id of the container that runs for a session; by its name, which one that was warm gets with its session. */
export async function containerOf(installId: string, sessionId: string): Promise<string> {
  const [id, ...others] = await docker(
    "ps",
    "--no-trunc",
    "--quiet",
    ...ofInstall(installId),
    "--filter",
    `name=^/?whatsapp-${sessionId}-[0-9a-f]{8}$`,
  );
  if (id === undefined || others.length > 0)
    throw new Error(`session ${sessionId} has ${id === undefined ? "no container" : "several containers"}`);
  return id;
}

export const volumesOf = (installId: string): Promise<string[]> =>
  docker("volume", "ls", "--quiet", ...ofInstall(installId));

export const networksOf = (installId: string): Promise<string[]> =>
  docker("network", "ls", "--quiet", ...ofInstall(installId));

/** Id, start time and running state: equal before and after means that nobody touched the container. */
export async function startedAt(containerId: string): Promise<string> {
  const [line = ""] = await docker(
    "inspect",
    "--format",
    "{{.Id}} {{.State.StartedAt}} {{.State.Running}}",
    containerId,
  );
  return line;
}

/** Removes all that an installation has. */
export async function removeInstallation(installId: string): Promise<void> {
  const containers = await docker("ps", "--all", "--quiet", ...ofInstall(installId));
  if (containers.length > 0) await docker("rm", "--force", ...containers);
  const volumes = await volumesOf(installId);
  if (volumes.length > 0) await docker("volume", "rm", "--force", ...volumes);
  const networks = await networksOf(installId);
  if (networks.length > 0) await docker("network", "rm", ...networks);
}

/** An address of this machine that every container reaches, whatever network it is on. */
export async function hostSeenByContainers(): Promise<string> {
  const address = await dockerBridgeAddress();
  if (address === undefined) throw new Error("Docker's own bridge docker0 has no address on this machine");
  return address;
}
