import { parseArgs } from "node:util";
import { runChaos, summary } from "./chaos.ts";

/** `npm run chaos -- --seed 1 --messages 500 --sessions 3`: ends with 1 if a message was lost or doubled, or something lies. */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    messages: { type: "string", default: "500" },
    sessions: { type: "string", default: "3" },
  },
});
const whole = (name: keyof typeof values, most: number): number => {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new Error(`--${name} must be a whole number from 1 to ${most}`);
};

const options = {
  seed: whole("seed", 2 ** 32 - 1),
  messages: whole("messages", 1_000_000),
  sessions: whole("sessions", 10),
  messagesPerKill: 15,
};
console.log(
  `chaos with --seed ${options.seed} --messages ${options.messages} --sessions ${options.sessions}`,
);
const result = await runChaos({ ...options, say: (line) => console.log(line) });
for (const finding of result.findings) console.log(`!! ${finding}`);
console.log(summary(result));
if (result.findings.length > 0) process.exitCode = 1;
