import { startSimulator } from "@whatsapp-engine/simulator";
import type { Engine, RuntimeKind } from "../support/engine.ts";
import { startEngine } from "../support/engine.ts";
import {
  buildProbedImage,
  heldByControlPlane,
  heldByRunner,
  heldNodeArgs,
  type Held,
} from "../support/held.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { openFiles } from "../support/processes.ts";
import { runnerPid } from "../support/runner.ts";
import { linkSession, readQr, waitForStatus } from "../support/session.ts";
import { UNANSWERED } from "../support/stub.ts";
import { until } from "../support/until.ts";
import { findingsOf, type Growth } from "./growth.ts";

export type SoakOptions = {
  runtime: RuntimeKind;
  /** Sessions that are made and deleted again, with stubs for runners; 0: none. */
  stubCycles: number;
  /** The same with real ones. */
  cycles: number;
  /** Messages that go out through one session. */
  sends: number;
  /** Told how it goes, a line at a time. */
  say: (line: string) => void;
};

export type SoakResult = { growths: Growth[]; findings: string[] };

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";
/** Every name of the soak, in a heap: of sessions, and texts of messages. */
const NAMES = "soak-[a-z]+-[0-9]+";
/** Done before the first look, as a share: code that is used for the first time stays compiled. */
const WARM_UP = 0.2;
const STUBS_AT_ONCE = 4;
const QUIET_MS = 1_000;
const MIB = 1024 * 1024;
/**
 * What V8 keeps of code as it gets hotter, seen: 1.2 MiB. Sessions that are not forgotten show by their names long
 * before.
 */
const HEAP_ALLOWED = 3 * MIB;
/** By design a runner remembers each send for days, so that none is repeated (`runner/src/journal.ts`); seen: 1.3 KiB. */
const SEND_REMEMBERED = 2 * 1024;

/** Uses an engine for long, and compares what its processes hold before and after. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const growths: Growth[] = [];
  const findings: string[] = [];
  if (options.stubCycles > 0) {
    const engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: { HEAP_NAMES: NAMES },
      nodeArgs: heldNodeArgs.controlPlane,
    });
    await using(engine, async () => {
      growths.push(await createAndDelete(engine, "stub", options.stubCycles, STUBS_AT_ONCE, options));
      findings.push(...(await findLeftovers(engine)));
    });
  }
  if (options.cycles > 0 || options.sends > 0) await withRealRunners(options, growths, findings);
  return { growths, findings: [...findings, ...growths.flatMap(findingsOf)] };
}

async function withRealRunners(options: SoakOptions, growths: Growth[], findings: string[]): Promise<void> {
  const { runtime, cycles, sends } = options;
  const probed = runtime === "docker" ? await buildProbedImage(NAMES) : undefined;
  const simulator = await startSimulator({ host: runtime === "docker" ? "0.0.0.0" : "127.0.0.1" });
  try {
    const engine = await startEngine({
      runtime,
      simulator,
      settings: { HEAP_NAMES: NAMES, ...(probed && { RUNNER_IMAGE: probed.image }) },
      nodeArgs: heldNodeArgs.withRunners,
    });
    await using(engine, async () => {
      if (cycles > 0) growths.push(await createAndDelete(engine, "real", cycles, 1, options));
      if (sends > 0) {
        await linkSession(engine, simulator, "sender", ACCOUNT);
        growths.push(...(await sendMany(engine, sends, options)));
        await engine.api("DELETE /sessions/sender");
      }
      findings.push(...(await findLeftovers(engine)));
    });
  } finally {
    await simulator.close();
    await probed?.remove();
  }
}

async function using(engine: Engine, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await engine.stop();
  }
}

/** With stubs each session is connected, sends, and is deleted in the middle of another send; with real runners it shows its code. */
async function createAndDelete(
  engine: Engine,
  kind: "stub" | "real",
  cycles: number,
  atOnce: number,
  { say }: SoakOptions,
): Promise<Growth> {
  const part = `${cycles} sessions made and deleted, ${kind} runners`;
  async function cycle(n: number): Promise<void> {
    const sessionId = `soak-${kind}-${n}`;
    await expect(engine, 201, "POST /sessions/create", { sessionId });
    if (kind === "stub") {
      await waitForStatus(engine, sessionId, "authenticated");
      process.kill(runnerPid(engine, sessionId), "SIGUSR2");
      await waitForStatus(engine, sessionId, "connected");
      const send = `POST /sessions/${sessionId}/send`;
      await expect(engine, 200, send, { to: FRIEND, message: `soak-text-${n}` });
      const unanswered = { to: FRIEND, message: `${UNANSWERED}soak-text-${n}`, async: true };
      await expect(engine, 202, send, unanswered);
    } else await readQr(engine, sessionId);
    await expect(engine, 200, `DELETE /sessions/${sessionId}`);
  }
  const look = () => heldWhenQuiet(engine);
  const { before, after } = await around(part, cycles, atOnce, cycle, look, say);
  return { part, process: "control plane", before, after, heapAllowed: HEAP_ALLOWED };
}

async function sendMany(engine: Engine, sends: number, { say }: SoakOptions): Promise<Growth[]> {
  const part = `${sends} messages by one session`;
  const send = (n: number) =>
    expect(engine, 200, "POST /sessions/sender/send", { to: FRIEND, message: `soak-text-${n}` });
  const look = async () => [await heldWhenQuiet(engine), await heldByRunner(engine, "sender")];
  const { before, after } = await around(part, sends, 1, send, look, say);
  const allowed = [HEAP_ALLOWED, HEAP_ALLOWED + sends * SEND_REMEMBERED];
  return (["control plane", "runner"] as const).map((process, i) => ({
    part,
    process,
    before: before[i]!,
    after: after[i]!,
    heapAllowed: allowed[i]!,
  }));
}

/** Looks once the first `WARM_UP` are done, and in the end. */
async function around<T>(
  part: string,
  count: number,
  atOnce: number,
  one: (n: number) => Promise<void>,
  look: () => Promise<T>,
  say: (line: string) => void,
): Promise<{ before: T; after: T }> {
  let next = 0;
  async function until(end: number) {
    const worker = async () => {
      while (next < end) {
        const n = next++;
        await one(n);
        if ((n + 1) % Math.max(1, Math.round(count / 10)) === 0) say(`${part}: ${n + 1}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }
  await until(Math.max(1, Math.round(count * WARM_UP)));
  const before = await look();
  await until(count);
  return { before, after: await look() };
}

/** What the control plane holds, once the connections of the last calls are closed, a moment after their answers. */
async function heldWhenQuiet(engine: Engine): Promise<Held> {
  let last = openFiles(engine.pid);
  let since = performance.now();
  await until("the number of open files to stay the same", () => {
    const now = openFiles(engine.pid);
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > QUIET_MS;
  });
  return heldByControlPlane(engine);
}

async function expect(engine: Engine, status: number, call: string, body?: unknown): Promise<void> {
  const answer = await engine.api(call, body);
  if (answer.status !== status) throw new Error(`${call} was answered with ${answer.status}: ${answer.text}`);
}
