import { readArguments, whole } from "../support/arguments.ts";
import { fuzzStrangers } from "./strangers.ts";

const values = readArguments(
  `npm run fuzz -- [--seed <number>] [--seconds 600]
Sends sessions what strangers might; ends with 1 if one does not send and receive any more.`,
  { seed: String(Date.now() % 1_000_000), seconds: "600" },
);
const options = { seed: whole(values, "seed", 2 ** 32 - 1), seconds: whole(values, "seconds", 86_400) };
console.log(`fuzz with --seed ${options.seed} --seconds ${options.seconds}`);
const { doings, unread, findings } = await fuzzStrangers({ ...options, say: (line) => console.log(line) });
for (const finding of findings) console.log(`!! ${finding}`);
console.log(`${doings} doings, ${findings.length} findings; could not be read: ${JSON.stringify(unread)}`);
if (findings.length > 0) process.exitCode = 1;
