import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { parseConfig, type Config } from "./config.ts";
import { createLogger } from "./logger.ts";
import { createRunner } from "./runner.ts";
import { createServer } from "./server.ts";

/** Longest wait for running requests once browser and journal are closed. */
const DRAIN_MS = 1_000;

const readConfig = (): Config | undefined => {
  try {
    return parseConfig(process.env);
  } catch (cause) {
    process.stderr.write(`${(cause as Error).message}\n`);
    process.exitCode = 1;
    return undefined;
  }
};

const run = async (config: Config): Promise<void> => {
  const log = createLogger({ level: config.logLevel, runnerId: config.runnerId });
  const hasParent = process.connected === true;
  // The library leaves promises alone that fail when the page goes away; none of them carries an outcome.
  process.on("unhandledRejection", (cause) => log.warn({ err: cause }, "unhandled rejection"));

  const runner = await createRunner({ config, log, dieWithRunner: hasParent });
  const asked = new AbortController();
  const { fetch } = createServer({
    runner,
    token: config.token,
    onShutdown: () => asked.abort("POST /shutdown"),
  });
  const server = serve({ fetch, hostname: config.host, port: config.port });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => asked.abort(signal));
  process.once("disconnect", () => asked.abort("parent gone"));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  log.info({ port }, "listening");
  if (hasParent) process.send!({ listening: { port } });

  if (!asked.signal.aborted) await once(asked.signal, "abort");
  log.info({ by: asked.signal.reason }, "runner ends");
  await runner.close();
  const closed = once(server, "close");
  server.close();
  const drained = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(drained);
  if (process.connected) process.disconnect();
  log.info("runner ended");
};

const config = readConfig();
if (config !== undefined) await run(config);
