import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { RUNNER_BEGIN } from "@whatsapp-engine/contract/runner";
import { parseConfig, type Config } from "./config.ts";
import { createLogger } from "./logger.ts";
import { createRunner } from "./runner.ts";
import { createServer } from "./server.ts";
import { becomeUser } from "./user.ts";

/** Longest wait for running requests once browser and journal are closed. */
const DRAIN_MS = 1_000;

/** Longer than any client of ours keeps an idle connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 75_000;

const run = async (config: Config): Promise<void> => {
  if (config.uid !== null) await becomeUser(config.uid);
  const log = createLogger({ level: config.logLevel, runnerId: config.runnerId });
  // Says that there was a parent also where it is gone already.
  const hasParent = process.send !== undefined;
  // The library leaves promises alone that fail when the page goes away; none of them carries an outcome.
  process.on("unhandledRejection", (cause) => log.warn({ err: cause }, "unhandled rejection"));

  // Heard from the first moment on: a parent that dies while the browser starts must not leave it behind.
  const asked = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => asked.abort(signal));
  process.once("disconnect", () => asked.abort("parent gone"));
  if (hasParent && !(await toldToBegin(asked.signal))) return log.info("nobody is there to begin for");

  const runner = await createRunner({ config, log, dieWithRunner: hasParent });
  const { fetch } = createServer({
    runner,
    token: config.token,
    onShutdown: () => asked.abort("POST /shutdown"),
  });
  const server = createAdaptorServer({ fetch, serverOptions: { keepAliveTimeout: KEEP_ALIVE_MS } }) as Server;

  try {
    const port = await listen(server, config);
    log.info({ port }, "listening");
    if (process.connected) process.send!({ listening: { port } });
    if (!asked.signal.aborted) await once(asked.signal, "abort");
    log.info({ by: asked.signal.reason }, "runner ends");
  } finally {
    await runner.close();
    await closeServer(server);
  }
  log.info("runner ended");
};

/**
 * False where the parent ended before: it may not have written down that this runner is on the profile, and the next
 * one would start a second.
 */
const toldToBegin = async (ending: AbortSignal): Promise<boolean> => {
  if (ending.aborted || process.connected !== true) return false;
  const told = once(process, "message", { signal: ending }) as Promise<[unknown]>;
  return told.then(
    ([message]) => message === RUNNER_BEGIN,
    () => false,
  );
};

const listen = async (server: Server, { host, port }: Config): Promise<number> => {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new Error(`The runner cannot listen on ${host}:${port}: ${(cause as Error).message}.`, { cause });
  }
  return (server.address() as AddressInfo).port;
};

const closeServer = async (server: Server): Promise<void> => {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  const drained = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(drained);
};

// What the library left waiting, a timer of minutes among it, must not keep a runner that is done.
try {
  await run(parseConfig(process.env));
  process.exit();
} catch (cause) {
  const text = cause instanceof Error ? cause.message : String(cause);
  process.stderr.write(`${text}\n`, () => process.exit(1));
}
