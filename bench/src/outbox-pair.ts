import { connectAll, countMessages, startStubEngine } from "./outbox-engine.ts";
import { measureBulks, measureSingles, type Throughput } from "./outbox-throughput.ts";
import { progress } from "./progress.ts";
import { summarise } from "./statistics.ts";
import { until } from "@whatsapp-engine/test/support/until.js";

/*
 * `BENCH_OTHER=<folder> npm run bench -- outbox-pair`: the outbox of another build of the project, built in that folder, beside this
 * one's, over 50 sessions each whose runners are stubs. In turn, so that a machine that drifts treats both alike.
 */

const ROUNDS = 15;
const BULK_SESSIONS = 10;
const BULK = 1_000;
const SINGLES = 2_000;
const TEXT = "Dear customer, your order has left our house today and should be with you by tomorrow evening.";

const COLUMNS = [
  ["accepted a second", ({ acceptedPerSecond }: Throughput) => acceptedPerSecond],
  ["settled a second", ({ settledPerSecond }: Throughput) => settledPerSecond],
  ["control plane, CPU s per 1,000", ({ controlPlaneCpuPer1000 }: Throughput) => controlPlaneCpuPer1000],
] as const;

async function open(folder?: string) {
  const engine = await startStubEngine(folder);
  await connectAll(engine);
  await until("the line to be empty", () => (countMessages(engine)["queued"] ?? 0) === 0, {
    timeoutMs: 60_000,
  });
  return {
    round: async () => ({
      bulks: await measureBulks(engine, BULK, TEXT, { sessions: BULK_SESSIONS }),
      singles: await measureSingles(engine, SINGLES, TEXT),
    }),
    stop: () => engine.stop(),
  };
}

export async function measureOutboxPair(say: (text: string) => void): Promise<void> {
  const folder = process.env["BENCH_OTHER"];
  if (folder === undefined) throw new Error("Set BENCH_OTHER to the folder of another build.");
  const before = await open(folder);
  const now = await open();
  const rounds: Record<"before" | "now", Awaited<ReturnType<typeof now.round>>>[] = [];
  try {
    // The first round warms both.
    for (let round = 0; round <= ROUNDS; round++) {
      progress("outbox-pair", round, ROUNDS);
      const [first, second] = round % 2 === 0 ? [before, now] : [now, before];
      const [one, other] = [await first.round(), await second.round()];
      if (round > 0)
        rounds.push(first === before ? { before: one, now: other } : { before: other, now: one });
    }
  } finally {
    await before.stop();
    await now.stop();
  }
  say("| what | before, median | now, median | median of the rounds' ratios |\n|---|---|---|---|");
  for (const [kind, name] of [
    ["bulks", `${BULK_SESSIONS} bulks of ${BULK}`],
    ["singles", `${SINGLES} single calls, 32 at once`],
  ] as const)
    for (const [column, pick] of COLUMNS) {
      const of = (build: "before" | "now") => rounds.map((round) => pick(round[build][kind]));
      const ratios = rounds.map((round) => pick(round.now[kind]) / pick(round.before[kind]));
      const cells = [summarise(of("before")).p50, summarise(of("now")).p50].map((value) =>
        value < 10 ? value.toFixed(2) : value.toFixed(0),
      );
      say(`| ${name}: ${column} | ${cells.join(" | ")} | ${summarise(ratios).p50.toFixed(3)} |`);
    }
}
