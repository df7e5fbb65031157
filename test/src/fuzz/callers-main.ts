import { readArguments, whole } from "../support/arguments.ts";
import { fuzzCallers } from "./callers.ts";

const values = readArguments(
  `npm run fuzz:api -- [--seed <number>] [--requests 20000]
Sends the engine requests that its OpenAPI document takes, and others; ends with 1 if an answer is not as the document has it.`,
  { seed: String(Date.now() % 1_000_000), requests: "20000" },
);
const options = { seed: whole(values, "seed", 2 ** 32 - 1), requests: whole(values, "requests", 10_000_000) };
console.log(`fuzz with --seed ${options.seed} --requests ${options.requests}`);
const begun = performance.now();
const { findings, answers, healthP95Ms, heldMs, memory, accepted } = await fuzzCallers({
  ...options,
  say: (line) => console.log(line),
});
for (const [call, statuses] of [...answers].toSorted(([a], [b]) => a.localeCompare(b)))
  console.log(`${call}: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(", ")}`);
for (const finding of findings) console.log(`!! ${finding}`);
const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
const grew = memory
  .map(({ heapBytes, rssBytes }) => `${mebibytes(heapBytes)} of ${mebibytes(rssBytes)}`)
  .join(" → ");
console.log(
  `${Math.round((performance.now() - begun) / 1000)} s, ${accepted} messages accepted, ${findings.length} findings; GET /health p95 ${healthP95Ms} ms, loop held ${heldMs} ms at the most, heap and all memory ${grew}`,
);
if (findings.length > 0) process.exitCode = 1;
