import { readArguments, runtimeKind, whole } from "../support/arguments.ts";
import { runRounds, table } from "./rounds.ts";

/** Faults, one after the other, and whether each session comes back with its login. */
const values = readArguments(
  `npm run rounds -- [--rounds 30] [--runtime process|docker] [--seed <number>]
Ends with 1 if a login was lost, or a session did not come back.`,
  { rounds: "30", runtime: "process", seed: String(Date.now() % 1_000_000) },
);
const options = {
  rounds: whole(values, "rounds", 10_000),
  runtime: runtimeKind(values.runtime),
  seed: whole(values, "seed", 2 ** 32 - 1),
};
console.log(`rounds with --rounds ${options.rounds} --runtime ${options.runtime} --seed ${options.seed}`);
const result = await runRounds({ ...options, say: (line) => console.log(line) });
for (const line of table(result)) console.log(line);
for (const finding of result.findings) console.log(`!! ${finding}`);
const recovered = result.rounds.filter(({ recoveryMs }) => recoveryMs !== null).length;
console.log(`${recovered} of ${options.rounds} rounds recovered, ${result.findings.length} findings`);
if (result.findings.length > 0) process.exitCode = 1;
