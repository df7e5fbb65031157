import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startSimulator } from "@whatsapp-engine/simulator";
import { takeBackup } from "@whatsapp-engine/test/support/backup.js";
import { startEngine } from "@whatsapp-engine/test/support/engine.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { callerOf } from "./caller.ts";
import type { Crowd } from "./crowd-callers.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise, timedMany } from "./statistics.ts";

/*
 * `npm run bench -- crowd [BENCH_OTHER=<folder>]`: how long a text takes while 30 callers without a key call again and again, 300 readers
 * of events have a stream open, and a login is restored, one restore after the other; beside the same engine when nobody else calls. In
 * turn; all but the sender of the texts are a program of their own.
 */

const ROUNDS = 15;
const TEXTS = 40;
const KEYLESS = 30;
const READERS = 300;
const TO = "6281111111111";

async function open(folder: string | undefined) {
  const simulator = await startSimulator({ build: "spring-2026" });
  const engine = await startEngine({
    runtime: "process",
    simulator,
    settings: { EVENT_STREAMS_MAX: String(READERS) },
    ...(folder !== undefined && { folder }),
  });
  await linkSession(engine, simulator, "bench", "6281234567890");
  await linkSession(engine, simulator, "restored", "6281300000009");
  const backup = await takeBackup(engine, "restored");
  const crowd: Crowd = {
    url: engine.url,
    apiKey: engine.apiKey,
    keyless: KEYLESS,
    readers: READERS,
    restored: "restored",
    backup: backup.bytes.toString("base64"),
  };
  const call = callerOf(engine);
  let sent = 0;
  const texts = async () => {
    const send = () => call("POST", "/sessions/bench/send", 200, { to: TO, message: `text ${sent++}` });
    return (await timedMany(TEXTS, 1, send)).each;
  };
  const costs = { quiet: [] as number[], crowded: [] as number[], ratios: [] as number[] };
  return {
    costs,
    async round(isFirst: boolean): Promise<void> {
      const quiet = await texts();
      const callers = fork(fileURLToPath(new URL("crowd-callers.js", import.meta.url)));
      callers.send(crowd);
      await once(callers, "message");
      const crowded = await texts();
      callers.send("end");
      const [counts] = (await once(callers, "message")) as [Record<string, number>];
      if (callers.exitCode === null) await once(callers, "exit");
      progress(JSON.stringify(counts));
      // The first one warms both.
      if (isFirst) return;
      costs.quiet.push(...quiet);
      costs.crowded.push(...crowded);
      costs.ratios.push(summarise(crowded).p95 / summarise(quiet).p95);
    },
    async close(): Promise<void> {
      await engine.stop();
      await simulator.close();
    },
  };
}

export async function measureCrowd(say: (text: string) => void): Promise<void> {
  const folder = process.env["BENCH_OTHER"];
  const builds = [
    ...(folder === undefined ? [] : [{ name: "before: ", build: await open(folder) }]),
    { name: "", build: await open(undefined) },
  ];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      progress("crowd", round, ROUNDS);
      for (const { build } of builds) await build.round(round === 0);
    }
  } finally {
    for (const { build } of builds) await build.close();
  }
  say(heading);
  for (const { name, build } of builds) {
    const { quiet, crowded, ratios } = build.costs;
    say(row(`${name}a text, nobody else calls`, summarise(quiet)));
    say(row(`${name}a text in the crowd`, summarise(crowded), "ms", summarise(quiet)));
    say(
      `| ${name}its p95 against quiet | | ${(summarise(crowded).p95 / summarise(quiet).p95).toFixed(2)} | | | |`,
    );
    say(
      `| ${name}median of the ${ROUNDS} rounds' ratios of p95 | | ${summarise(ratios).p50.toFixed(2)} | | | |`,
    );
  }
}
