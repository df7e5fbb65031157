import { query } from "@whatsapp-engine/test/support/database.js";
import { startEngine, type Engine } from "@whatsapp-engine/test/support/engine.js";
import { runnersOf } from "@whatsapp-engine/test/support/runner.js";
import type { StubStatus } from "@whatsapp-engine/test/support/stub.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { callerOf } from "./caller.ts";
import { progress } from "./progress.ts";

export const SESSIONS = 50;
export const sessionId = (n: number) => `s-${String(n % SESSIONS).padStart(2, "0")}`;

const profileFolder = process.env["BENCH_PROFILE"];
const settings = {
  QUEUE_MAX_MESSAGES: "1000000",
  RUNNER_START_CONCURRENCY: "8",
  ...(profileFolder === undefined ? {} : { BENCH_PROFILE: profileFolder }),
};

const nodeArgs =
  profileFolder === undefined ? [] : ["--import", new URL("profile-preload.js", import.meta.url).href];

/** The real control plane on the process runtime, with 50 sessions whose runners are stubs; none is connected yet. `folder`: of another build. */
export async function startStubEngine(folder?: string): Promise<Engine> {
  const engine = await startEngine({
    runtime: "process",
    stubs: true,
    settings,
    nodeArgs,
    ...(folder !== undefined && { folder }),
  });
  try {
    const call = callerOf(engine);
    const startedAt = Date.now();
    for (let n = 0; n < SESSIONS; n++)
      await call("POST", "/sessions/create", 201, { sessionId: sessionId(n) });
    await allAre(engine, "authenticated", startedAt);
    return engine;
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

/** Has a stopped engine begin anew, its sessions not connected; answers how long it took to say that it has started. */
export async function startAgain(engine: Engine): Promise<number> {
  const startedAt = Date.now();
  await engine.restart();
  const ms = Date.now() - startedAt;
  await allAre(engine, "authenticated", startedAt);
  return ms;
}

export async function connectAll(engine: Engine): Promise<void> {
  const askedAt = Date.now();
  for (const pid of await runnersOf(engine)) process.kill(Number(pid), "SIGUSR2");
  await allAre(engine, "connected", askedAt);
}

/** `since`: what their rows said before does not count. */
const allAre = ({ dataDir }: Engine, status: StubStatus, since: number) =>
  until(
    `all sessions to be ${status}`,
    () => {
      const sql = "select count(*) as n from sessions where status = ? and updated_at >= ?";
      const n = Number(query(dataDir, sql, status, since)[0]?.["n"]);
      progress(`sessions ${status}`, n, SESSIONS);
      return n === SESSIONS;
    },
    { timeoutMs: 120_000 },
  );

/** How many messages of all sessions stand where. */
export const countMessages = ({ dataDir }: Engine): Record<string, number> =>
  Object.fromEntries(
    query(dataDir, "select status, sum(count) as n from message_counts group by status").map((row) => [
      String(row["status"]),
      Number(row["n"]),
    ]),
  );

/** Begins a CPU profile of the control plane, or ends it, where BENCH_PROFILE asks for them; see `profile-preload.ts`. */
export function toggleProfile({ pid }: Engine): void {
  if (profileFolder !== undefined) process.kill(pid, "SIGUSR2");
}
