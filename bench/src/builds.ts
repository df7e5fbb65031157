import { setTimeout as delay } from "node:timers/promises";
import { newestBuild, startSimulator, type Build } from "@whatsapp-engine/simulator";
import { startEngine } from "@whatsapp-engine/test/support/engine.js";
import { processesWith } from "@whatsapp-engine/test/support/processes.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { callerOf } from "./caller.ts";
import { measureCreateToQr } from "./engine-run.ts";
import { pssMiB } from "./memory.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise, timed, timedMany } from "./statistics.ts";

/*
 * `npm run bench -- builds`: what the mends cost that the newest build of WhatsApp Web needs, beside the oldest one that is
 * played, which needs none. In turn, so that a machine that drifts treats both alike.
 */

const ROUNDS = 15;
const TEXTS = 40;
const IMAGES = 20;
/** How often it is looked whether a session is back. */
const LOOK_MS = 5;
const OLDEST: Build = "spring-2026";

type Costs = { text: number[]; image: number[]; start: number[]; again: number[]; memory: number[] };

async function open(build: Build, image: Buffer) {
  const simulator = await startSimulator({ build });
  const engine = await startEngine({ runtime: "process", simulator });
  await linkSession(engine, simulator, "bench", "6281234567890");
  const call = callerOf(engine);
  const media = { base64: image.toString("base64"), mimetype: "image/png" };
  const to = "6281111111111";
  const picture = Buffer.from(JSON.stringify({ to, type: "image", media }));
  const send = (body: unknown) => call("POST", "/sessions/bench/send", 200, body);
  const median = ({ each }: { each: number[] }) => summarise(each).p50;
  const costs: Costs = { text: [], image: [], start: [], again: [], memory: [] };
  /** Most mends stand once a login is up. */
  const restart = async () => {
    await call("POST", "/sessions/bench/restart", 200);
    while ((await call("GET", "/sessions/bench/status", 200))["status"] !== "connected") await delay(LOOK_MS);
  };
  return {
    costs,
    async round(): Promise<void> {
      costs.text.push(median(await timedMany(TEXTS, 1, (n) => send({ to, message: `text ${n}` }))));
      costs.image.push(median(await timedMany(IMAGES, 1, () => send(picture))));
      costs.memory.push(pssMiB(processesWith(engine.dataDir)));
      costs.start.push(...(await measureCreateToQr(engine, 1)));
      costs.again.push(await timed(restart));
    },
    async close(): Promise<void> {
      await engine.stop();
      await simulator.close();
    },
  };
}

export async function measureBuilds(image: Buffer, say: (text: string) => void): Promise<void> {
  const oldest = await open(OLDEST, image);
  const newest = await open(newestBuild, image);
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      progress("builds", round, ROUNDS);
      for (const one of round % 2 === 0 ? [oldest, newest] : [newest, oldest]) await one.round();
      // The first one warms both.
      if (round === 0)
        for (const { costs } of [oldest, newest]) for (const of of Object.values(costs)) of.length = 0;
    }
  } finally {
    await oldest.close();
    await newest.close();
  }
  say(heading);
  for (const [what, kind, unit] of [
    ["text, one after the other", "text", "ms"],
    ["image, 100 KB", "image", "ms"],
    ["start to QR", "start", "ms"],
    ["restart of a linked session, to connected", "again", "ms"],
    ["memory of control plane, runner and browser", "memory", "MiB"],
  ] as const) {
    const [before, now] = [summarise(oldest.costs[kind]), summarise(newest.costs[kind])];
    say(row(`${OLDEST}: ${what}`, before, unit));
    say(row(`${newestBuild}: ${what}`, now, unit, before));
    const ratios = newest.costs[kind].map((value, round) => value / oldest.costs[kind][round]!);
    say(`| ${what}: median of the ${ROUNDS} rounds' ratios | | ${summarise(ratios).p50.toFixed(3)} | | | |`);
  }
}
