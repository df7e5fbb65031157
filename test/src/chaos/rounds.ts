import type { Engine, RuntimeKind } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { killRunner, loginIsOnDisk } from "../support/runner.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { createRandom } from "./random.ts";

export type RoundsOptions = {
  runtime: RuntimeKind;
  seed: number;
  rounds: number;
  /** Told how it goes, a line at a time. */
  say: (line: string) => void;
};

/** `recoveryMs`: until all sessions were connected again and had sent; null: they were not in time. */
type Round = { round: number; what: string; recoveryMs: number | null };
export type RoundsResult = { rounds: Round[]; findings: string[] };

const ACCOUNTS = [
  ["s1", "6281234567801"],
  ["s2", "6281234567802"],
] as const;
const FRIEND = "6281200000001";
/** A start takes seconds; one that failed is tried again after up to a minute. */
const RECOVERY_MS = 120_000;

/** What is done to a session or to all; resolves once it is done, not once all is well again. */
type Blow = { name: string; strike: (engine: Engine, sessionId: string) => Promise<void> };

const call = async (engine: Engine, path: string) => {
  const answer = await engine.api(`POST ${path}`);
  if (answer.status >= 300)
    throw new Error(`POST ${path} was answered with ${answer.status}: ${answer.text}`);
};

const BLOWS: readonly Blow[] = [
  { name: "SIGKILL of the runner", strike: killRunner },
  {
    name: "SIGKILL of the control plane",
    async strike(engine) {
      await engine.kill("SIGKILL");
      await engine.restart();
    },
  },
  { name: "restart", strike: (engine, sessionId) => call(engine, `/sessions/${sessionId}/restart`) },
  {
    name: "stop and start",
    async strike(engine, sessionId) {
      await call(engine, `/sessions/${sessionId}/stop`);
      await call(engine, `/sessions/${sessionId}/start`);
    },
  },
];
/** The message that each round sends wakes it. */
const HIBERNATE: Blow = {
  name: "hibernate, and wake by a send",
  strike: (engine, sessionId) => call(engine, `/sessions/${sessionId}/hibernate`),
};

/** Kills, stops and restarts linked sessions at random, and holds that each is connected again without a code. */
export async function runRounds(options: RoundsOptions): Promise<RoundsResult> {
  const stage = await startStage(options.runtime);
  try {
    return await run(stage, options);
  } finally {
    await stage.close();
  }
}

async function run(stage: Stage, { seed, rounds: count, say }: RoundsOptions): Promise<RoundsResult> {
  const { engine, simulator } = stage;
  const random = createRandom(seed);
  for (const [sessionId, account] of ACCOUNTS) await linkSession(engine, simulator, sessionId, account);
  for (const [sessionId] of ACCOUNTS) await loginIsOnDisk(engine, sessionId);
  say(`${ACCOUNTS.length} sessions are linked`);
  const blows = (await canHibernate(engine)) ? [...BLOWS, HIBERNATE] : BLOWS;

  const rounds: Round[] = [];
  const findings: string[] = [];
  for (let round = 1; round <= count; round++) {
    const [sessionId] = random.pick(ACCOUNTS);
    const blow = random.pick(blows);
    const what = blow.name === "SIGKILL of the control plane" ? blow.name : `${blow.name}, of ${sessionId}`;
    const seen = ACCOUNTS.map(([id]) => lastSeq(engine, id));
    const struckAt = performance.now();
    let recoveryMs: number | null = null;
    try {
      await blow.strike(engine, sessionId);
      for (const [id, account] of ACCOUNTS) await sends(stage, id, account, `round ${round} by ${id}`);
      recoveryMs = Math.round(performance.now() - struckAt);
    } catch (error) {
      findings.push(`round ${round} (${what}): ${String(error)}`);
    }
    for (const [i, [id]] of ACCOUNTS.entries()) {
      const shown = statusEvents(engine, id, seen[i]).map(({ status }) => status);
      if (shown.includes("qr_ready")) findings.push(`round ${round} (${what}): ${id} lost its login`);
    }
    rounds.push({ round, what, recoveryMs });
    say(
      `${String(round).padStart(3)}: ${what.padEnd(45)} ${recoveryMs === null ? "!!" : `${recoveryMs} ms`}`,
    );
  }

  for (const [sessionId, account] of ACCOUNTS) {
    const links = await simulator.control.linkedDevices(account);
    if (links !== 1) findings.push(`the account of ${sessionId} has ${links} linked devices`);
  }
  findings.push(...(await findLeftovers(engine)));
  return { rounds, findings };
}

/** The session is connected again, and sends once; one at rest is woken by it. */
async function sends({ engine, simulator }: Stage, sessionId: string, account: string, message: string) {
  await until(
    `${sessionId} to be connected, or at rest`,
    async () => {
      const { status, reason } = (await engine.api(`GET /sessions/${sessionId}/status`)).body;
      return status === "connected" || (reason as string | null) === "hibernated";
    },
    { timeoutMs: RECOVERY_MS },
  );
  const body = { to: FRIEND, message, async: true };
  const answer = await engine.api(`POST /sessions/${sessionId}/send`, body);
  if (answer.status !== 202) throw new Error(`'${message}' was not accepted: ${answer.text}`);
  const taken = async () => (await takenBy(simulator, account, FRIEND)).filter((one) => one.body === message);
  await until(`'${message}' to go out`, async () => (await taken()).length > 0, { timeoutMs: RECOVERY_MS });
  await waitForStatus(engine, sessionId, "connected", RECOVERY_MS);
  if ((await taken()).length > 1) throw new Error(`'${message}' went out more than once`);
}

/** Whether this engine can put a session to rest. */
async function canHibernate(engine: Engine): Promise<boolean> {
  const { paths } = (await engine.api("GET /openapi.json")).body as { paths?: Record<string, unknown> };
  return Object.keys(paths ?? {}).some((path) => path.endsWith("/hibernate"));
}

/** As a Markdown table, with the totals of each kind. */
export function table({ rounds }: RoundsResult): string[] {
  const cell = (ms: number | null) => (ms === null ? "not recovered" : (ms / 1000).toFixed(1));
  const kinds = [...new Set(rounds.map(({ what }) => what.replace(/, of .*$/, "")))];
  return [
    "| round | what | recovered after, s |",
    "| --- | --- | --- |",
    ...rounds.map(({ round, what, recoveryMs }) => `| ${round} | ${what} | ${cell(recoveryMs)} |`),
    "",
    "| what | rounds | recovered | longest, s |",
    "| --- | --- | --- | --- |",
    ...kinds.map((kind) => {
      const own = rounds.filter(({ what }) => what.startsWith(kind));
      const times = own.flatMap(({ recoveryMs }) => recoveryMs ?? []);
      const longest = times.length > 0 ? cell(Math.max(...times)) : "";
      return `| ${kind} | ${own.length} | ${times.length} | ${longest} |`;
    }),
  ];
}
