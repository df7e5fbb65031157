import { availableParallelism, loadavg } from "node:os";

/** The machine that the engine runs on: memory in MB, as far as this process may have it, and the load of the last minute. */
export const thisMachine = {
  freeMemoryMb: () => process.availableMemory() / 1024 / 1024,
  loadPerCpu: () => loadavg()[0]! / availableParallelism(),
};
