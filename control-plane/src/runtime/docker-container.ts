import { RUNNER_CONTAINER_PORT, labels } from "@whatsapp-engine/contract";
import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import { RUNNER_UID, type RunnerSpec } from "./runtime.ts";

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
  environment: Readonly<Record<string, string>>;
};

/** Where a profile is, in every container that has one. */
export const PROFILE_DIR = "/profile";

/** Seconds that a `docker stop` by hand, or the engine's own end, leaves the browser to close. */
const STOP_TIMEOUT_SECONDS = 30;

export const volumeName = (profileId: string): string => `whatsapp-profile-${profileId}`;

/** The same runner always gets the same name, so that the engine itself refuses to have it twice. */
export const containerName = ({ sessionId, runnerId }: Pick<RunnerSpec, "sessionId" | "runnerId">): string =>
  `whatsapp-${sessionId ?? "warm"}-${runnerId}`;

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
    Env: Object.entries({
      ...settings.environment,
      RUNNER_ID: spec.runnerId,
      RUNNER_PROFILE_ID: spec.profileId,
      RUNNER_GENERATION: String(spec.generation),
      RUNNER_TOKEN: spec.token,
      RUNNER_WHATSAPP_VERSION: spec.whatsappVersion ?? "",
      RUNNER_PROFILE_DIR: PROFILE_DIR,
      RUNNER_HOST: "0.0.0.0",
      RUNNER_PORT: String(RUNNER_CONTAINER_PORT),
    }).map(([name, value]) => `${name}=${value}`),
    StopTimeout: STOP_TIMEOUT_SECONDS,
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
