import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { labels } from "@whatsapp-engine/contract/runner";
import { pino } from "pino";
import { inject } from "vitest";
import { type DockerRuntimeOptions, createDockerRuntime } from "../docker/docker.ts";
import { runnerSettings } from "./runner-settings.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Why the tests have no Docker engine; null when they have one. */
    dockerMissing: string | null;
  }
}

export const hasDocker = inject("dockerMissing") === null;

const run = promisify(execFile);

export const docker = async (...args: string[]): Promise<string[]> => {
  const { stdout } = await run("docker", args);
  return stdout.split("\n").filter((line) => line !== "");
};

export const STUB_IMAGE = "whatsapp-engine-stub-runner:test";

export const STUB_FOLDER = import.meta.dirname;

export const buildStubImage = () => docker("build", "--quiet", "--tag", STUB_IMAGE, STUB_FOLDER);

/** A Docker runtime of an installation of its own, running stub runners unless told otherwise. */
export const aDockerRuntime = (options: Partial<DockerRuntimeOptions> = {}) => {
  const installId = options.installId ?? randomBytes(6).toString("hex");
  const runtime = createDockerRuntime({
    image: STUB_IMAGE,
    limits: { memoryMb: 256, cpus: 1, pids: 64 },
    runner: runnerSettings,
    log: pino({ level: "silent" }),
    ...options,
    installId,
  });
  return {
    installId,
    runtime,
    async dispose() {
      await runtime.host.close();
      const ofInstall = ["--filter", `label=${labels.install}=${installId}`];
      const containers = await docker("ps", "--all", "--quiet", ...ofInstall);
      if (containers.length > 0) await docker("rm", "--force", ...containers);
      const volumes = await docker("volume", "ls", "--quiet", ...ofInstall);
      if (volumes.length > 0) await docker("volume", "rm", ...volumes);
      const networks = await docker("network", "ls", "--quiet", ...ofInstall);
      if (networks.length > 0) await docker("network", "rm", ...networks);
    },
  };
};
