import { readFileSync } from "node:fs";
import type { Runtime } from "../runtime.ts";
import { createEngine } from "./engine.ts";
import { createKeepers } from "./keeper.ts";
import { createVolumeProfiles } from "./profile-store.ts";
import { createDockerHost, type DockerHostOptions } from "./runner-host.ts";

export type DockerRuntimeOptions = Omit<DockerHostOptions, "engine" | "keepers" | "profiles" | "seccomp"> & {
  /** As in the environment variable `DOCKER_HOST`; the engine's usual socket without it. */
  dockerHost?: string | undefined;
};

/** Sessions in containers of a Docker engine, with their profiles in its volumes. */
export const createDockerRuntime = (options: DockerRuntimeOptions): Runtime => {
  const { installId, image, dockerHost } = options;
  const engine = createEngine(dockerHost);
  const seccomp = readFileSync(new URL("../../../../docker/seccomp.json", import.meta.url), "utf8");
  const access = { engine, installId, image, seccomp };
  const keepers = createKeepers(access);
  const profiles = createVolumeProfiles(access, keepers);
  return { host: createDockerHost({ ...options, engine, keepers, profiles, seccomp }), profiles };
};
