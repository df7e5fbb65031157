import { existsSync } from "node:fs";
import { OperatorError } from "@whatsapp-engine/contract";
import { parseConfig } from "./config.ts";
import { createLogger } from "./logger.ts";
import { isPreparing } from "./prepare-database.ts";
import { startService, type Service } from "./service.ts";

async function main(): Promise<void> {
  // Files of ours (database, keys, logins) are for the engine's user alone.
  process.umask(0o077);
  if (existsSync(".env")) process.loadEnvFile(".env");
  const config = parseConfig(process.env);
  const log = createLogger(config.logLevel);
  // From the first moment on: a stop while the engine still starts waits for the start, and then ends it in order.
  const stop = new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    // A terminal that is closed says so more than once: its shell, then the kernel.
    process.on("SIGHUP", resolve);
  });
  const service = await startService({ config, environment: process.env, log });
  log.info({ url: service.url, runtime: service.runtime }, "engine started");
  greet(service);

  log.info({ signal: await stop }, "engine stops");
  await service.close();
  log.info("engine stopped");
}

/** For people; the log, which has standard output where there is no terminal, is for programs. A new key is said this once. */
function greet({ url, apiKey }: Service): void {
  const lines = [
    "",
    `WhatsApp Engine answers at ${url}`,
    ...(apiKey.made
      ? [`API key (said once; kept in the file api-key of the data folder): ${apiKey.key}`]
      : [`API key: ${apiKey.hint}`]),
    "Next, in another terminal:",
    `  curl -X POST ${url}/sessions/create -H "X-API-Key: ${apiKey.hint}" -H 'Content-Type: application/json' -d '{"sessionId":"session-123"}'`,
    `  curl "${url}/sessions/session-123/qr?format=text" -H "X-API-Key: ${apiKey.hint}"`,
    "",
  ];
  const out = process.stdout.isTTY || apiKey.made ? process.stdout : process.stderr;
  out.write(`${lines.join("\n")}\n`);
}

if (!isPreparing())
  main().catch((error: unknown) => {
    const text = error instanceof OperatorError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  });
