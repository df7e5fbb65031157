import { createHash } from "node:crypto";
import { startSimulator } from "@whatsapp-engine/simulator";
import { PNG } from "pngjs";
import { startEngine, type RuntimeKind } from "@whatsapp-engine/test/support/engine.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { measureBuilds } from "./builds.ts";
import { measureCanary } from "./canary.ts";
import { measureCapacity } from "./capacity.ts";
import { measureCreateToQr, measureMemory, measureRunnerDirect, measureSends } from "./engine-run.ts";
import { measureCrowd } from "./crowd.ts";
import { measureHeld } from "./held.ts";
import { measureLibraryAlone } from "./library-alone.ts";
import { measureOutbox } from "./outbox.ts";
import { measureOutboxPair } from "./outbox-pair.ts";
import { measurePair } from "./pair.ts";
import { measureScale } from "./scale.ts";
import { measureSessions } from "./sessions.ts";
import { measureProgramStart } from "./program-start.ts";
import { heading, row, summarise, type timedMany } from "./statistics.ts";

/*
 * `npm run bench [-- docker] [-- process]`: every figure beside the library alone, measured in the same run on the same
 * simulated page with all its delays at 0. `npm run bench -- outbox`, `-- sessions`, `-- scale`, `-- capacity`, `-- program-start`, `-- builds`, `-- canary`, `-- held`, `-- crowd`, `-- pair`, `-- outbox-pair`: see the files of
 * these names. Prints Markdown for bench/README.md.
 */

const COLD_ROUNDS = 5;
const PHONE = "6281234567890";
/** Idle time before memory is read, so that start-up garbage is gone. */
const SETTLE_MS = 5_000;

const say = (text: string) => process.stdout.write(`${text}\n`);

/** A PNG of about 100 KB of noise, the same in every run. */
function makeImage(): Buffer {
  const image = new PNG({ width: 160, height: 160 });
  for (let i = 0, block = Buffer.from("seed"); i < image.data.length; i += 32) {
    block = createHash("sha256").update(block).digest();
    block.copy(image.data, i);
  }
  return PNG.sync.write(image);
}

type Sends = { text: Timed; parallel: Timed; images: Timed };
type Timed = Awaited<ReturnType<typeof timedMany>>;

function sayStart(name: string, startToQr: number[], base?: number[]) {
  say(row(`${name}: start to QR`, summarise(startToQr), "ms", base && summarise(base)));
}

function saySends(name: string, sends: Sends, base?: Sends) {
  const against = (pick: (sends: Sends) => Timed) => base && summarise(pick(base).each);
  say(
    row(
      `${name}: text, one after the other`,
      summarise(sends.text.each),
      "ms",
      against((s) => s.text),
    ),
  );
  say(
    row(
      `${name}: text, 10 in parallel`,
      summarise(sends.parallel.each),
      "ms",
      against((s) => s.parallel),
    ),
  );
  say(
    `| ${name}: texts a second, 10 in parallel | 200 | ${((200 / sends.parallel.total) * 1000).toFixed(0)} | | | |`,
  );
  say(
    row(
      `${name}: image, 100 KB`,
      summarise(sends.images.each),
      "ms",
      against((s) => s.images),
    ),
  );
}

async function measureLibrary(image: Buffer) {
  const simulator = await startSimulator({ build: "spring-2026" });
  try {
    const startToQr: number[] = [];
    let last: Awaited<ReturnType<typeof measureLibraryAlone>> | undefined;
    for (let round = 0; round < 3; round++) {
      last = await measureLibraryAlone(simulator, `62812345000${round}`, image);
      startToQr.push(last.startToQr);
    }
    if (!last) throw new Error("nothing was measured");
    return { startToQr, sends: last };
  } finally {
    await simulator.close();
  }
}

async function measureEngine(
  runtime: RuntimeKind,
  image: Buffer,
  base: { startToQr: number[]; sends: Sends },
) {
  const simulator = await startSimulator({ host: runtime === "docker" ? "0.0.0.0" : "127.0.0.1" });
  const engine = await startEngine({ runtime, simulator });
  try {
    const cold = await measureCreateToQr(engine, COLD_ROUNDS);
    await linkSession(engine, simulator, "bench", PHONE);
    sayStart(runtime, cold, base.startToQr);
    saySends(`${runtime}, just started`, await measureSends(engine, "bench", image), base.sends);
    saySends(runtime, await measureSends(engine, "bench", image), base.sends);
    if (runtime === "docker") {
      const direct = await measureRunnerDirect(engine, "bench", image);
      for (const kind of ["text", "images"] as const) {
        const name = `docker: ${kind === "text" ? "text" : "image"}, to the runner directly`;
        say(row(name, summarise(direct[kind].each), "ms", summarise(base.sends[kind].each)));
      }
      await engine.api("DELETE /sessions/bench");
      say(
        "\n| sessions | cgroup, MiB | PSS of containers, MiB | PSS of control plane, MiB |\n|---|---|---|---|",
      );
      for (const at of await measureMemory(engine, simulator, SETTLE_MS)) {
        say(
          `| ${at.sessions} | ${at.cgroupMiB.toFixed(0)} | ${at.pssMiB.toFixed(0)} | ${at.controlPlanePssMiB.toFixed(0)} |`,
        );
      }
    }
  } finally {
    await engine.stop();
    await simulator.close();
  }
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  if (wanted.includes("outbox")) await measureOutbox(say);
  if (wanted.includes("sessions")) await measureSessions(say);
  if (wanted.includes("scale")) await measureScale(say);
  if (wanted.includes("capacity")) await measureCapacity(say);
  if (wanted.includes("program-start")) await measureProgramStart(say);
  if (wanted.includes("builds")) await measureBuilds(makeImage(), say);
  if (wanted.includes("canary")) await measureCanary(makeImage(), say);
  if (wanted.includes("held")) await measureHeld(say);
  if (wanted.includes("crowd")) await measureCrowd(say);
  if (wanted.includes("outbox-pair")) await measureOutboxPair(say);
  if (wanted.includes("pair")) await measurePair(makeImage(), say);
  const runtimes: RuntimeKind[] = (["process", "docker"] as const).filter(
    (kind) => wanted.length === 0 || wanted.includes(kind),
  );
  if (runtimes.length === 0) return;
  const image = makeImage();
  say(heading);
  const base = await measureLibrary(image);
  sayStart("library alone", base.startToQr);
  saySends("library alone", base.sends);
  for (const runtime of runtimes) await measureEngine(runtime, image, base);
}

await main();
