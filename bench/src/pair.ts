import { startSimulator } from "@whatsapp-engine/simulator";
import { startEngine } from "@whatsapp-engine/test/support/engine.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { callerOf } from "./caller.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise, timed, timedMany } from "./statistics.ts";

/*
 * `BENCH_OTHER=<folder> npm run bench -- pair`: another build of the project, built in that folder, beside this one, both on a page that
 * both can play. In turn, so that a machine that drifts treats both alike.
 */

const ROUNDS = 21;
const TEXTS = 40;
const IMAGES = 20;
const BULK = 1_000;
/** Calls of another caller while nothing else goes on. */
const IDLE_CALLS = 200;
const ACCOUNT = "6281234567890";

type Costs = Record<"text" | "many" | "image" | "bulk" | "idle" | "meanwhile", number[]>;
const none = (): Costs => ({ text: [], many: [], image: [], bulk: [], idle: [], meanwhile: [] });

async function open(folder: string | undefined, image: Buffer) {
  const simulator = await startSimulator({ build: "spring-2026" });
  const engine = await startEngine({
    runtime: "process",
    simulator,
    settings: { QUEUE_MAX_MESSAGES: "1000000" },
    ...(folder !== undefined && { folder }),
  });
  await linkSession(engine, simulator, "bench", ACCOUNT);
  const call = callerOf(engine);
  // Its messages wait, so that accepting them is all that is measured.
  await call("POST", "/sessions/create", 201, { sessionId: "waiting" });
  const media = { base64: image.toString("base64"), mimetype: "image/png" };
  const to = "6281111111111";
  const picture = Buffer.from(JSON.stringify({ to, type: "image", media }));
  const send = (body: unknown) => call("POST", "/sessions/bench/send", 200, body);
  const median = ({ each }: { each: number[] }) => summarise(each).p50;
  // A call that writes: accepted when it is on disk.
  let asked = 0;
  const other = () =>
    timed(() =>
      call("POST", "/sessions/waiting/send", 202, { to, message: `other ${asked++}`, async: true }),
    );
  let number = 628_110_000_000;
  const bulk = Buffer.from(
    JSON.stringify({ message: "A bulk", recipients: Array.from({ length: BULK }, () => String(number++)) }),
  );
  const costs = none();
  return {
    costs,
    forget: () => Object.assign(costs, none()),
    async round(): Promise<void> {
      costs.text.push(median(await timedMany(TEXTS, 1, (n) => send({ to, message: `text ${n}` }))));
      const many = (n: number) => send({ to: `628111111111${n % 10}`, message: `text ${n}` });
      costs.many.push((await timedMany(TEXTS * 2, 10, many)).total);
      costs.image.push(median(await timedMany(IMAGES, 1, () => send(picture))));
      const sendBulk = () => call("POST", "/sessions/waiting/messages/bulk", 202, bulk);
      costs.bulk.push(await timed(sendBulk));
      for (let n = 0; n < IDLE_CALLS; n++) costs.idle.push(await other());
      const accepted = { done: false };
      const accepting = sendBulk().then(() => (accepted.done = true));
      while (!accepted.done) costs.meanwhile.push(await other());
      await accepting;
    },
    async close(): Promise<void> {
      await engine.stop();
      await simulator.close();
    },
  };
}

export async function measurePair(image: Buffer, say: (text: string) => void): Promise<void> {
  const folder = process.env["BENCH_OTHER"];
  if (folder === undefined) throw new Error("Set BENCH_OTHER to the folder of another build.");
  const before = await open(folder, image);
  const now = await open(undefined, image);
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      progress("pair", round, ROUNDS);
      for (const one of round % 2 === 0 ? [before, now] : [now, before]) await one.round();
      // The first one warms both.
      if (round === 0) for (const one of [before, now]) one.forget();
    }
  } finally {
    await before.close();
    await now.close();
  }
  say(heading);
  for (const [what, kind] of [
    ["text, one after the other", "text"],
    [`${TEXTS * 2} texts, 10 in parallel`, "many"],
    ["image, 100 KB", "image"],
    [`a bulk of ${BULK}, accepted`, "bulk"],
  ] as const) {
    say(row(`before: ${what}`, summarise(before.costs[kind])));
    say(row(`now: ${what}`, summarise(now.costs[kind]), "ms", summarise(before.costs[kind])));
    const ratios = now.costs[kind].map((value, round) => value / before.costs[kind][round]!);
    say(`| ${what}: median of the ${ROUNDS} rounds' ratios | | ${summarise(ratios).p50.toFixed(3)} | | | |`);
  }
  for (const [name, { costs }] of [
    ["before", before],
    ["now", now],
  ] as const) {
    const [idle, meanwhile] = [summarise(costs.idle), summarise(costs.meanwhile)];
    say(row(`${name}: another caller's message accepted, idle`, idle));
    say(row(`${name}: the same while a bulk is accepted`, meanwhile));
    say(`| ${name}: its p95 against idle | | ${(meanwhile.p95 / idle.p95).toFixed(2)} | | | |`);
  }
}
