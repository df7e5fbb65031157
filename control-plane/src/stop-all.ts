import { existsSync } from "node:fs";
import { join } from "node:path";
import { Semaphore } from "async-mutex";
import { AppError, OperatorError } from "@whatsapp-engine/contract";
import { openDataDir } from "@whatsapp-engine/db";
import { parseConfig } from "./config.ts";
import { openInstall } from "./install.ts";
import { createLogger } from "./logger.ts";
import { selectRuntime } from "./runtime/select.ts";
import { STOP_GRACE_SECONDS } from "./sessions/reconciler.ts";
import { readEnvironment } from "./settings/environment.ts";

/*
 * `npm run stop-all`: ends every runner of this installation in order, as a stop of its session would, while no engine
 * runs. What sessions are to be stays as it is: the next start of the engine brings them back.
 */

/** Ending takes the engine and a browser some seconds of a processor each. */
const AT_ONCE = 8;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const { environment } = readEnvironment(process.env);
  const config = parseConfig(environment);
  if (!existsSync(join(config.dataDir, "install.json")))
    throw new OperatorError(`There is no installation in ${config.dataDir}; DATA_DIR says where it is.`);
  const hold = openDataDir(config.dataDir); // an engine that runs would start them again
  try {
    const install = openInstall(config.dataDir, { inUse: true });
    if (install.runtime === null) return say("Nothing runs: this installation has never started a session.");
    const log = createLogger("error");
    const runtime = await selectRuntime({
      config: { ...config, runtime: install.runtime },
      install,
      inUse: true,
      environment,
      log,
    });
    try {
      // Child processes end with their engine; those of one that was killed are waited for, and ended.
      if (runtime.kind === "process") await runtime.prepare();
      const runners = await runtime.list();
      const turns = new Semaphore(AT_ONCE);
      const ended = await Promise.allSettled(
        runners.map(({ runnerId, liveness }) =>
          turns.runExclusive(() =>
            runtime.remove(runnerId, { graceSeconds: liveness === "alive" ? STOP_GRACE_SECONDS : 0 }),
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
    } finally {
      await runtime.close();
    }
  } finally {
    hold.release();
  }
}

main().catch((error: unknown) => {
  const isForPeople = error instanceof OperatorError || error instanceof AppError;
  process.stderr.write(`${isForPeople ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = 1;
});
