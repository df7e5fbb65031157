import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";

/*
 * Loaded before the control plane's program (`node --import`): on SIGUSR2 it begins a CPU profile of itself, or ends it
 * and writes it into the folder BENCH_PROFILE.
 */

const folder = process.env["BENCH_PROFILE"] ?? "";
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
  writeFileSync(join(folder, `control-plane-${Date.now()}.cpuprofile`), JSON.stringify(profile));
}
