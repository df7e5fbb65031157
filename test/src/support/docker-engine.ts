import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Why there is no Docker engine for the Docker suite; null when there is one. */
    dockerMissing: string | null;
  }
}

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const repository = join(import.meta.dirname, "../../..");

/** For vitest's `globalSetup`: an engine and up-to-date images for all suites of the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const release = await requireDockerEngine();
    project.provide("dockerMissing", null);
    return release;
  } catch (error) {
    if (process.env["CI"] !== undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    project.provide("dockerMissing", reason);
    return async () => console.warn(`\n!!! THE DOCKER SUITE DID NOT RUN: ${reason}\n`);
  }
}

/**
 * Resolves when a Docker engine answers and the runner image is up to date: the engine that runs already, or one that
 * is started here. The function it resolves to stops what was started, and nothing else.
 */
export async function requireDockerEngine(): Promise<() => Promise<void>> {
  const started = (await answers()) ? undefined : await startEngine();
  const release = async () => {
    if (!started || started.exitCode !== null || started.signalCode !== null) return;
    started.kill("SIGTERM");
    await once(started, "exit");
  };
  try {
    await buildImages();
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

const answers = (): Promise<boolean> =>
  run("docker", ["version"], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );

async function startEngine(): Promise<ChildProcess> {
  const logFile = join(mkdtempSync(join(tmpdir(), "dockerd-")), "dockerd.log");
  console.log(`Starting the Docker engine for the tests, log in ${logFile}`);
  const log = openSync(logFile, "a");
  // A group of its own: an interrupt from the keyboard must not end it before the suites have cleaned up.
  const engine = spawn("dockerd", [], { stdio: ["ignore", log, log], detached: true });
  const failed = Promise.race([
    once(engine, "error").then(() => "dockerd is not installed; npm run setup installs it"),
    once(engine, "exit").then(() => `dockerd ended at once, its log ${logFile} says why`),
    delay(START_TIMEOUT_MS, `dockerd does not answer, see its log ${logFile}`, { ref: false }),
  ]);
  for (;;) {
    const reason = await Promise.race([failed, delay(200, undefined)]);
    if (reason !== undefined) {
      engine.kill("SIGTERM");
      throw new Error(reason);
    }
    if (await answers()) return engine;
  }
}

/** With all that the build says, so that minutes of it do not look like a hang. */
async function buildImages(): Promise<void> {
  const build = spawn(process.execPath, ["scripts/build-images.mjs"], { cwd: repository, stdio: "inherit" });
  const [code] = await once(build, "exit");
  if (code !== 0) throw new Error("The runner image could not be built, see above.");
}
