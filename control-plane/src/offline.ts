import { statSync } from "node:fs";
import { join } from "node:path";
import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import { openDataDir } from "@whatsapp-engine/db";
import { Semaphore } from "async-mutex";
import { parseConfig, type Config } from "./settings/config.ts";
import { openInstall } from "./install.ts";
import { createLogger } from "./lib/logger.ts";
import type { Runtime } from "./runtime/index.ts";
import { selectRuntime } from "./select-runtime.ts";
import { STOP_GRACE_SECONDS } from "./fleet/index.ts";
import { readEnvironment } from "./settings/environment.ts";

/*
 * What programs have in common that work on an installation while no engine runs.
 */

/** Ending a runner takes the engine and a browser some seconds of a processor each. */
const AT_ONCE = 8;

/** To standard error: a program's standard output may be a backup. */
export const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** The settings as the engine has them. */
export function readConfig() {
  const { environment } = readEnvironment(process.env);
  return { config: parseConfig(environment), environment };
}

/** Holds the data folder, so that no engine starts meanwhile. `runtime` null: it has never started a session. Throws `OperatorError`. */
export async function onInstallation(
  work: (deps: { config: Config; runtime: Runtime | null }) => Promise<void>,
): Promise<void> {
  const { config, environment } = readConfig();
  const owner = statSync(join(config.dataDir, "install.json"), { throwIfNoEntry: false })?.uid;
  if (owner === undefined)
    throw new OperatorError(`There is no installation in ${config.dataDir}; DATA_DIR says where it is.`);
  if (owner !== process.geteuid?.())
    // As root, it would take the logins away from an engine that is not.
    throw new OperatorError(
      `The installation in ${config.dataDir} is user ${owner}'s; run this as that user, with: runuser -u "$(id -nu ${owner})" -- …`,
    );
  const hold = openDataDir(config.dataDir);
  try {
    const runtime = await runtimeOf(config.dataDir, { config, environment });
    try {
      await work({ config, runtime });
    } finally {
      await runtime?.host.close();
    }
  } finally {
    hold.release();
  }
}

/** The runtime that the installation in `folder` recorded, null where it recorded none. */
export async function runtimeOf(
  folder: string,
  { config, environment }: ReturnType<typeof readConfig>,
): Promise<Runtime | null> {
  const install = openInstall(folder, { inUse: true });
  if (install.runtime === null) return null;
  return selectRuntime({
    config: { ...config, runtime: install.runtime },
    install,
    inUse: true,
    environment,
    log: createLogger("error"),
  });
}

/** Ends every runner in order, as a stop of its session would; says how many. Throws `OperatorError` where one could not be ended. */
export async function endRunners(runtime: Runtime): Promise<void> {
  // Child processes end with their engine; those of one that was killed are waited for, and ended.
  if (runtime.host.kind === "process") await runtime.host.prepare();
  const runners = await runtime.host.list();
  const turns = new Semaphore(AT_ONCE);
  const ended = await Promise.allSettled(
    runners.map(({ runnerId, liveness }) =>
      turns.runExclusive(() =>
        runtime.host.remove(runnerId, { graceSeconds: liveness === "alive" ? STOP_GRACE_SECONDS : 0 }),
      ),
    ),
  );
  const failures = ended.filter((one) => one.status === "rejected");
  say(
    `${ended.length - failures.length} of ${runners.length} runners have ended, logins kept; the engine's next start brings them back.`,
  );
  if (failures.length > 0)
    throw new OperatorError(
      `${failures.length} runners could not be ended (${(failures[0]!.reason as Error).message}); run this again.`,
    );
}

/** Runs a program's work; what it fails by is one sentence for people, and exit code 1. */
export function runProgram(work: () => Promise<void>): void {
  process.umask(0o077);
  work().catch((error: unknown) => {
    const { code, message, stack } = error as NodeJS.ErrnoException;
    const isForPeople = error instanceof OperatorError || error instanceof AppError;
    // The system's own says which file, and why; Node's which option it does not know.
    const isPlain = code !== undefined && /^(E[A-Z0-9]+|ERR_PARSE_ARGS_\w+)$/.test(code);
    say(isForPeople ? message : isPlain ? `This cannot be done: ${message}` : (stack ?? String(error)));
    process.exitCode = 1;
  });
}
