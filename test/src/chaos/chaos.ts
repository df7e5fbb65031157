import { setTimeout as delay } from "node:timers/promises";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath } from "../support/death.ts";
import type { Engine } from "../support/engine.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { allSettled, findLies } from "../support/truth.ts";
import { until } from "../support/until.ts";
import { killOne } from "./killer.ts";
import { createRandom } from "./random.ts";
import { startReceiver, type Receiver } from "./receiver.ts";
import { make, planTraffic } from "./traffic.ts";

export type ChaosOptions = {
  seed: number;
  messages: number;
  sessions: number;
  /** Messages between two kills. */
  messagesPerKill: number;
  /** Told how it goes, a line at a time. */
  say: (line: string) => void;
};

export type ChaosResult = {
  /** Messages that the engine said it has, or has. */
  accepted: number;
  sent: number;
  /** Went out more than once. */
  doubled: number;
  /** Accepted, not gone out, and no row that says so. */
  lost: number;
  unknown: number;
  failed: number;
  /** Everything that is not as promised, each in a sentence. */
  findings: string[];
};

/** Longest pause of the traffic after a kill. */
const LONGEST_PAUSE_MS = 400;
/** Longest wait for the engine to be at work again before it is killed again. */
const LONGEST_QUIET_MS = 5_000;
/** What the last messages get to come to an end, through the pauses of runners that died often. */
const SETTLE_MS = 180_000;

/**
 * Sends through real processes and real Chromium while they are killed at random, and compares what WhatsApp took, what
 * the database says and what a webhook was told. The same seed makes the same calls and kills; the moments differ.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const random = createRandom(options.seed);
  const folder = makeDataFolder();
  const death = createDeath(folder.path);
  const receiver = await startReceiver(createRandom(options.seed + 1));
  const settings = { ...death.settings, WEBHOOK_ALLOW_PRIVATE: "true" };
  const stage = await startStage("process", settings, { nodeArgs: death.nodeArgs });
  const startedAt = performance.now();
  const say = (line: string) =>
    options.say(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  try {
    return await run({ ...options, say }, stage, { death, random, receiver });
  } finally {
    death.callOff();
    await stage.close();
    await receiver.close();
    folder.remove();
  }
}

async function run(
  { seed, messages, sessions: sessionCount, messagesPerKill, say }: ChaosOptions,
  stage: Stage,
  {
    death,
    random,
    receiver,
  }: {
    death: ReturnType<typeof createDeath>;
    random: ReturnType<typeof createRandom>;
    receiver: Receiver;
  },
): Promise<ChaosResult> {
  const { engine, simulator } = stage;
  const accounts = Array.from({ length: sessionCount }, (_, i) => [`s${i + 1}`, `628123456780${i}`] as const);
  const sessions = accounts.map(([sessionId]) => sessionId);
  await engine.api("POST /webhooks", { url: receiver.url });
  await Promise.all(accounts.map((account) => linkSession(engine, simulator, ...account)));
  for (const sessionId of sessions) await loginIsOnDisk(engine, sessionId);
  say(`${sessions.length} sessions are connected`);

  const givenUp = new AbortController();
  const waiting = planTraffic(random, seed, messages, sessions);
  const calls: Promise<string[]>[] = [];
  const inbound: string[] = [];
  for (let kills = 1; waiting.length > 0; kills++) {
    await simulator.control.configure({
      queueAfterRestart: random.pick(["send", "lose"]),
      delays: { ackMs: random.pick([0, 50, 300]) },
    });
    // A kill that meets nobody at work proves nothing.
    const before = settledCount(engine);
    await until("a message to be settled", () => kills === 1 || settledCount(engine) > before, {
      timeoutMs: LONGEST_QUIET_MS,
    }).catch(() => undefined);
    const killing = killOne(stage, death, random, accounts);
    for (let burst = 0; burst < messagesPerKill && waiting.length > 0;) {
      const call = waiting.shift()!;
      burst += call.texts.length;
      const made = make(engine.api, call, givenUp.signal);
      made.catch(() => undefined);
      calls.push(made);
    }
    const [sessionId, account] = random.pick(accounts);
    inbound.push(`inbound ${seed} ${kills} to ${sessionId}`);
    await simulator.control.deliver(account, { from: "6281300000001", body: inbound.at(-1)! });
    const what = await killing;
    await delay(random.between(0, LONGEST_PAUSE_MS));
    say(`${String(kills).padStart(3)}: ${what.padEnd(40)} ${progress(engine, messages)}`);
  }

  say("no more kills; waiting for all to be settled");
  await simulator.control.configure({ queueAfterRestart: "send" });
  const findings: string[] = [];
  await Promise.race([Promise.all(calls), delay(SETTLE_MS, undefined, { ref: false })]).catch(
    () => undefined,
  );
  givenUp.abort(new Error("a call had no answer to the end"));
  const answered = await Promise.allSettled(calls);
  for (const one of answered) if (one.status === "rejected") findings.push(String(one.reason));
  const note = (error: unknown) => void findings.push(String(error));
  await allSettled(engine.dataDir, SETTLE_MS).catch(note);
  await until("every inbound message to be told", () => untold(engine, inbound).length === 0, {
    seen: () => untold(engine, inbound),
  }).catch(note);
  receiver.behave();
  await until("every event to reach the webhook", () => undelivered(engine, receiver).length === 0, {
    timeoutMs: SETTLE_MS,
    seen: () => undelivered(engine, receiver),
  }).catch(note);
  say(progress(engine, messages));

  const { doubled, lies } = await findLies(engine.dataDir, simulator);
  const rows = query(engine.dataDir, "select body, status from messages");
  const statusOf = new Map(rows.map(({ body, status }) => [String(body), String(status)]));
  const said = answered.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const accepted = new Set([...said, ...statusOf.keys()]);
  const wentOut = new Set((await simulator.control.sent()).map(({ body }) => body));
  const lost = [...accepted].filter(
    (text) => !wentOut.has(text) && !["unknown", "failed"].includes(statusOf.get(text) ?? ""),
  );
  const severalIds = [...receiver.ids]
    .filter(([, ids]) => ids.size > 1)
    .map(([event, ids]) => `event ${event} came with the webhook-ids ${[...ids].join(" and ")}`);
  const count = (...statuses: string[]) =>
    [...statusOf.values()].filter((status) => statuses.includes(status)).length;
  return {
    accepted: accepted.size,
    sent: count("sent", "delivered", "read"),
    doubled: doubled.length,
    lost: lost.length,
    unknown: count("unknown"),
    failed: count("failed"),
    findings: [...findings, ...doubled, ...lost.map((text) => `'${text}' was lost`), ...lies, ...severalIds],
  };
}

const untold = ({ dataDir }: Engine, inbound: readonly string[]): string[] => {
  const told = query(
    dataDir,
    "select json_extract(data, '$.body') as body from events where type = 'message.received'",
  );
  const bodies = new Set(told.map(({ body }) => body));
  return inbound.filter((text) => !bodies.has(text));
};

const undelivered = ({ dataDir }: Engine, { ids }: Receiver): number[] =>
  query(dataDir, "select id from events")
    .map(({ id }) => Number(id))
    .filter((id) => !ids.has(id));

const settledCount = ({ dataDir }: Engine): number =>
  Number(
    query(dataDir, "select count(*) as n from messages where status not in ('queued', 'sending')")[0]?.["n"],
  );

function progress({ dataDir }: Engine, messages: number): string {
  const rows = query(dataDir, "select status, count(*) as n from messages group by status order by n desc");
  const total = rows.reduce((sum, { n }) => sum + Number(n), 0);
  return `${total} of ${messages} accepted: ${rows.map(({ status, n }) => `${n} ${status}`).join(", ")}`;
}

export const summary = ({ accepted, sent, doubled, lost, unknown, failed }: ChaosResult): string =>
  `accepted ${accepted} sent ${sent} doubled ${doubled} lost ${lost} unknown ${unknown} failed ${failed}`;
