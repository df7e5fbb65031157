import { OperatorError } from "@whatsapp-engine/contract/api";
import { parseConfig } from "./settings/config.ts";
import { createLogger } from "./lib/logger.ts";
import { isPreparing } from "./prepare-database.ts";
import { startEngine, type Engine } from "./engine.ts";
import { readEnvironment } from "./settings/environment.ts";
import { withSecretFiles } from "./settings/secret-files.ts";

async function main(): Promise<void> {
  // Files of ours (database, keys, logins) are for the engine's user alone.
  process.umask(0o077);
  const { environment, warnings } = readEnvironment(process.env);
  Object.assign(process.env, environment); // packages read some of it by themselves
  const config = parseConfig(withSecretFiles(environment));
  const log = createLogger(config.logLevel);
  for (const warning of warnings) log.warn(warning);
  // From the first moment on: a stop while the engine still starts waits for the start, and then ends it in order.
  const stop = new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    // A terminal that is closed says so more than once: its shell, then the kernel.
    process.on("SIGHUP", resolve);
  });
  const engine = await startEngine({ config, environment, log });
  log.info({ url: engine.url, runtime: engine.runtime }, "engine started");
  greet(engine);

  log.info({ signal: await stop }, "engine stops");
  await engine.close();
  log.info("engine stopped");
}

/** For people; the log, which has standard output where there is no terminal, is for programs. A key never stands in it. */
function greet({ url, apiKey }: Engine): void {
  const lines = [
    "",
    `WhatsApp Engine answers at ${url}`,
    `API key: ${apiKey.where}`,
    "Next, in another terminal:",
    `  curl -X POST ${url}/sessions/create -H "X-API-Key: ${apiKey.hint}" -H 'Content-Type: application/json' -d '{"sessionId":"session-123"}'`,
    `  curl "${url}/sessions/session-123/qr?format=text" -H "X-API-Key: ${apiKey.hint}"`,
    "",
  ];
  const out = process.stdout.isTTY ? process.stdout : process.stderr;
  out.write(`${lines.join("\n")}\n`);
}

if (!isPreparing())
  main().catch((error: unknown) => {
    const text = error instanceof OperatorError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  });
