import childProcess from "node:child_process";
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * Loaded before the control plane's program (`node --import`): the runners that it starts are stubs then. On SIGUSR2 it
 * begins a CPU profile of itself, or ends it and writes it into the folder BENCH_PROFILE.
 */

const stub = fileURLToPath(new URL("stub-runner.js", import.meta.url));
const { BENCH_PROFILE } = process.env;
const { spawn } = childProcess;

const toStub = (argument: string) => (argument.endsWith("/runner/dist/main.js") ? stub : argument);
const spawnStub = (command: string, given: readonly string[], options: childProcess.SpawnOptions) =>
  spawn(command, given.map(toStub), options);
Object.assign(childProcess, { spawn: spawnStub });
syncBuiltinESMExports();

if (BENCH_PROFILE !== undefined) {
  const inspector = new Session();
  let profiling = false;
  process.on("SIGUSR2", () => void toggle());

  async function toggle(): Promise<void> {
    profiling = !profiling;
    if (profiling) {
      inspector.connect();
      await inspector.post("Profiler.enable");
      return inspector.post("Profiler.start");
    }
    const { profile } = await inspector.post("Profiler.stop");
    inspector.disconnect();
    writeFileSync(
      join(BENCH_PROFILE ?? "", `control-plane-${Date.now()}.cpuprofile`),
      JSON.stringify(profile),
    );
  }
}
