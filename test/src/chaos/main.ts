import { readArguments, whole } from "../support/arguments.ts";
import { runChaos, summary } from "./chaos.ts";

/** Messages, while everything around them is killed. */
const values = readArguments(
  `npm run chaos -- [--seed <number>] [--messages 500] [--sessions 3]
Ends with 1 if a message was lost or doubled, or something lies.`,
  { seed: String(Date.now() % 1_000_000), messages: "500", sessions: "3" },
);
const options = {
  seed: whole(values, "seed", 2 ** 32 - 1),
  messages: whole(values, "messages", 1_000_000),
  sessions: whole(values, "sessions", 10),
  messagesPerKill: 15,
};
console.log(
  `chaos with --seed ${options.seed} --messages ${options.messages} --sessions ${options.sessions}`,
);
const result = await runChaos({ ...options, say: (line) => console.log(line) });
for (const finding of result.findings) console.log(`!! ${finding}`);
console.log(summary(result));
if (result.findings.length > 0) process.exitCode = 1;
