import { fileURLToPath } from "node:url";
import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import type { Config } from "./settings/config.ts";
import type { Install } from "./install.ts";
import type { Log } from "./lib/logger.ts";
import { createProcessRuntime, loadDockerRuntime, type Runtime } from "./runtime/index.ts";

const runnerEntry = fileURLToPath(new URL("../../runner/build/main.js", import.meta.url));

/**
 * The runtime of this data folder: the recorded one; at the first start, with `auto`, Docker where an engine answers
 * and else child processes. Changed afterwards only by the setting, and only while there is no login: logins lie where
 * their runtime keeps them.
 */
export async function selectRuntime(deps: {
  config: Config;
  install: Install;
  /** There are logins in the recorded runtime. */
  inUse: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
}): Promise<Runtime> {
  const { config, install, inUse, environment, log } = deps;
  const shared = {
    runner: {
      browserArgs: config.runner.browserArgs,
      startTimeoutSeconds: config.runner.startTimeoutSeconds,
      qrTimeoutSeconds: config.runner.qrTimeoutSeconds,
      memorySoftMb: config.runner.memorySoftMb,
      profileMaxMb: config.runner.profileMaxMb,
      logLevel: config.logLevel,
    },
    log,
  };
  const create = {
    async docker() {
      const { createDockerRuntime } = await loadDockerRuntime();
      return createDockerRuntime({
        ...shared,
        installId: install.installId,
        image: config.runner.image,
        dockerHost: config.dockerHost,
        limits: { memoryMb: config.runner.memoryMb, cpus: config.runner.cpus, pids: config.runner.pids },
      });
    },
    process: async () =>
      createProcessRuntime({
        ...shared,
        dataDir: config.dataDir,
        runnerEntry,
        chromiumPath: config.chromiumPath,
        uids: config.runner.uids,
        environment,
      }),
  };

  const recorded = install.runtime;
  const chosen = config.runtime !== "auto" && config.runtime !== recorded;
  if (chosen && recorded !== null && inUse) {
    throw new OperatorError(
      `The data folder ${config.dataDir} keeps its logins in the runtime '${recorded}', but RUNTIME is ${config.runtime}; set RUNTIME=${recorded}, or give another DATA_DIR.`,
    );
  }
  if (config.runtime !== "auto" && chosen) install.recordRuntime(config.runtime);
  if (install.runtime !== null) return create[install.runtime]();

  const docker = await create.docker();
  const unavailable = await docker.host.ping().then(
    () => null,
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );
  if (unavailable === null) {
    install.recordRuntime("docker");
    log.info({ runtime: "docker" }, "a Docker engine answers: sessions run in containers");
    return docker;
  }
  install.recordRuntime("process");
  log.info(
    { runtime: "process", why: unavailable.message },
    "no Docker engine can be used: sessions run as child processes",
  );
  return create.process();
}
