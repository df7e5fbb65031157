import { readArguments, runtimeKind, whole } from "../support/arguments.ts";
import { table } from "./growth.ts";
import { runSoak } from "./soak.ts";

/** Uses an engine for long. */
const values = readArguments(
  `npm run soak -- [--runtime process|docker] [--stub-cycles 300] [--cycles 30] [--sends 2000]
Ends with 1 if open files, sockets or the heap of the control plane or a runner grow, or a name is not forgotten.`,
  { runtime: "process", "stub-cycles": "300", cycles: "30", sends: "2000" },
);
const startedAt = performance.now();
const { growths, findings } = await runSoak({
  runtime: runtimeKind(values.runtime),
  stubCycles: whole(values, "stub-cycles", 100_000, 0),
  cycles: whole(values, "cycles", 100_000, 0),
  sends: whole(values, "sends", 1_000_000, 0),
  say: (line) => console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`),
});
for (const line of table(growths)) console.log(line);
for (const finding of findings) console.log(`!! ${finding}`);
if (findings.length > 0) process.exitCode = 1;
