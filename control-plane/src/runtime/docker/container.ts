import { RUNNER_CONTAINER_PORT, labels } from "@whatsapp-engine/contract/runner";
import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import { runnerEnvironment, type RunnerSettings } from "../runner-environment.ts";
import { RUNNER_UID, type RunnerSpec } from "../runner-host.ts";

export type Limits = {
  memoryMb: number;
  cpus: number;
  /** Processes and threads; Chromium alone needs about 100. */
  pids: number;
};

export type ContainerSettings = {
  installId: string;
  image: string;
  network: string;
  limits: Limits;
  /** The seccomp profile's text. */
  seccomp: string;
  /** What every runner is told, beside who it is. */
  runner: RunnerSettings;
};

/** Where a profile is, in every container that has one. */
export const PROFILE_DIR = "/profile";

/** Seconds that a `docker stop` by hand, or the engine's own end, leaves the browser to close. */
const STOP_TIMEOUT_SECONDS = 30;

export const volumeName = (profileId: string): string => `whatsapp-profile-${profileId}`;

/** In memory, gone with the container; the runner keeps it while its account is connected. */
const HEALTH_FILE = "/tmp/connected";

/**
 * What `docker ps` shows as `healthy`: connected to WhatsApp. Looking for a file costs some 50 ms of a processor, most of
 * it the engine's, and no memory that stays (measured on Docker 20.10): 0.2 processors for 200 containers.
 */
const HEALTHCHECK = {
  Test: ["CMD", "test", "-f", HEALTH_FILE],
  Interval: 60e9,
  Timeout: 15e9,
  // A page that is opened anew meanwhile is no news.
  Retries: 2,
};

const RUNNER_ID_SHOWN = 8;

/**
 * `whatsapp-<session id>-<begin of the runner's id>`: readable, unique on an engine that several installations share, and the
 * same for the same runner, so that the engine itself refuses to have it twice. Every session id is a part of a name as it is.
 */
export const containerName = ({ sessionId, runnerId }: Pick<RunnerSpec, "sessionId" | "runnerId">): string =>
  `whatsapp-${sessionId ?? "warm"}-${runnerId.slice(0, RUNNER_ID_SHOWN)}`;

/** What no container of ours may do, whatever runs in it. */
export const hardening = (seccomp: string): HostConfig => ({
  CapDrop: ["ALL"],
  SecurityOpt: ["no-new-privileges:true", `seccomp=${seccomp}`],
  ReadonlyRootfs: true,
  Privileged: false,
});

/** A profile's volume, made with the first container that it is for. */
export const profileMount = (installId: string, profileId: string): MountSettings => ({
  Type: "volume",
  Source: volumeName(profileId),
  Target: PROFILE_DIR,
  VolumeOptions: {
    NoCopy: false,
    Labels: { [labels.install]: installId, [labels.profile]: profileId },
    DriverConfig: { Name: "local", Options: {} },
  },
});

/** One runner's container, whole. It publishes no port and sees nothing of the host but its own volume. */
export const containerSpec = (settings: ContainerSettings, spec: RunnerSpec): ContainerCreateOptions => {
  const { installId, limits } = settings;
  const memoryBytes = limits.memoryMb * 1024 * 1024;
  return {
    name: containerName(spec),
    Image: settings.image,
    // Chromium writes the host's name into its profile's lock; a profile that moves to a new container keeps it.
    Hostname: "runner",
    User: `${RUNNER_UID}:${RUNNER_UID}`,
    Labels: {
      [labels.install]: installId,
      [labels.profile]: spec.profileId,
      [labels.runner]: spec.runnerId,
      [labels.generation]: String(spec.generation),
      // A label is for ever; a container that gets its session later is named after it.
      [labels.session]: spec.sessionId ?? "",
    },
    Env: Object.entries(
      runnerEnvironment(settings.runner, spec, {
        RUNNER_PROFILE_DIR: PROFILE_DIR,
        RUNNER_HEALTH_FILE: HEALTH_FILE,
        RUNNER_HOST: "0.0.0.0",
        RUNNER_PORT: RUNNER_CONTAINER_PORT,
      }),
    ).map(([name, value]) => `${name}=${value}`),
    StopTimeout: STOP_TIMEOUT_SECONDS,
    Healthcheck: HEALTHCHECK,
    HostConfig: {
      ...hardening(settings.seccomp),
      NetworkMode: settings.network,
      Init: true,
      // The engine must not bring back what the control plane has not decided: it starts a new runner instead.
      RestartPolicy: { Name: "no" },
      Mounts: [profileMount(installId, spec.profileId)],
      Tmpfs: { "/tmp": "rw,nosuid,nodev,size=256m,mode=1777" },
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.pids,
      LogConfig: { Type: "json-file", Config: { "max-size": "5m", "max-file": "2" } },
    },
  };
};
