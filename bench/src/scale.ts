import { setTimeout as delay } from "node:timers/promises";
import { query } from "@whatsapp-engine/test/support/database.js";
import { startEngine, type Engine } from "@whatsapp-engine/test/support/engine.js";
import { runnersOf } from "@whatsapp-engine/test/support/runner.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { callerOf } from "./caller.ts";
import { pssMiB } from "./memory.ts";
import { cpuSeconds } from "./process-time.ts";
import { progress } from "./progress.ts";
import { summarise, timedMany } from "./statistics.ts";

/*
 * `npm run bench -- scale`: what more sessions cost the control plane, from 1 to 1,000 whose runners are stubs, each a process
 * of its own. Each call goes to another session.
 */

const STEPS = [1, 10, 100, 300, 1_000];
const IDLE_MS = 30_000;
const CALLS = 300;
const FRIEND = "6281111111111";

const settings = { MIN_FREE_MEMORY_MB: "0", RUNNER_START_CONCURRENCY: "8" };
const sessionId = (n: number) => `s-${n}`;

/** Also those that are connected already. */
async function all(engine: Engine, status: "authenticated" | "connected", count: number): Promise<void> {
  const done = () => {
    const sql = "select count(*) as n from sessions where status in (?, 'connected')";
    const n = Number(query(engine.dataDir, sql, status)[0]?.["n"]);
    progress(`sessions ${status}`, n, count);
    return n === count;
  };
  await until(`${count} sessions to be ${status}`, done, { timeoutMs: 600_000 });
}

export async function measureScale(say: (text: string) => void): Promise<void> {
  const engine = await startEngine({ runtime: "process", stubs: true, settings });
  const call = callerOf(engine);
  try {
    say(
      "| sessions | idle, % of a processor | PSS, MiB | status of a session, p50 / p95 ms | sessions, a page of 100, p50 / p95 ms | text, p50 / p95 ms | CPU ms a text |",
    );
    say("|---|---|---|---|---|---|---|");
    let made = 0;
    for (const count of STEPS) {
      for (; made < count; made++)
        await call("POST", "/sessions/create", 201, { sessionId: sessionId(made) });
      // Until SIGUSR2 a stub's login is not complete.
      await all(engine, "authenticated", count);
      for (const pid of await runnersOf(engine)) process.kill(Number(pid), "SIGUSR2");
      await all(engine, "connected", count);
      progress(`idle with ${count}`);
      const before = cpuSeconds([engine.pid]);
      await delay(IDLE_MS);
      const idle = ((cpuSeconds([engine.pid]) - before) / IDLE_MS) * 100_000;
      const of = async (work: (n: number) => Promise<unknown>) => {
        const { p50, p95 } = summarise((await timedMany(CALLS, 1, work)).each);
        return `${p50.toFixed(1)} / ${p95.toFixed(1)}`;
      };
      const status = await of((n) => call("GET", `/sessions/${sessionId(n % count)}/status`, 200));
      const page = await of(() => call("GET", "/sessions?limit=100", 200));
      const sentBefore = cpuSeconds([engine.pid]);
      const text = await of((n) =>
        call("POST", `/sessions/${sessionId(n % count)}/send`, 200, {
          to: FRIEND,
          type: "text",
          message: `text ${n}`,
        }),
      );
      const perText = ((cpuSeconds([engine.pid]) - sentBefore) / CALLS) * 1_000;
      say(
        `| ${count} | ${idle.toFixed(1)} | ${pssMiB([engine.pid]).toFixed(0)} | ${status} | ${page} | ${text} | ${perText.toFixed(1)} |`,
      );
    }
  } finally {
    await engine.stop();
  }
}
