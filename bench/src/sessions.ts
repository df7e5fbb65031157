import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { containerOf } from "@whatsapp-engine/test/support/docker.js";
import { startEngine, type Engine, type RuntimeKind } from "@whatsapp-engine/test/support/engine.js";
import { killRunner, loginIsOnDisk, runnersOf } from "@whatsapp-engine/test/support/runner.js";
import { linkSession, waitForStatus } from "@whatsapp-engine/test/support/session.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { callerOf } from "./caller.ts";
import { cgroupMiB, pidsOfContainer, pssMiB } from "./memory.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise, timed } from "./statistics.ts";

/*
 * `npm run bench -- sessions`: how fast a session is there, and there again. The cold start of the same run is the
 * yardstick of every row.
 */

const ROUNDS = 5;
const PHONE = "6281234567890";
const FRIEND = "6281111111111";
const WARM_RUNNERS = 2;
/** Idle time before memory is read. */
const SETTLE_MS = 5_000;

type Say = (text: string) => void;

/** `work` of each round, after `before` of it; in milliseconds. */
async function rounds(what: string, work: (n: number) => Promise<unknown>, before?: () => Promise<unknown>) {
  const each: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    progress(what, n + 1, ROUNDS);
    await before?.();
    each.push(await timed(() => work(n)));
  }
  return summarise(each);
}

const createToQr = async (engine: Engine, sessionId: string) => {
  const call = callerOf(engine);
  await call("POST", "/sessions/create", 201, { sessionId });
  await call("GET", `/sessions/${sessionId}/qr`, 200);
};

async function measureStart(runtime: RuntimeKind, simulator: Simulator, warm: boolean) {
  const settings = warm ? { WARM_RUNNERS: String(WARM_RUNNERS) } : {};
  const engine = await startEngine({ runtime, simulator, settings });
  const filled = () =>
    until(
      "the pool to be full",
      async () => {
        const { body } = await engine.api("GET /health", undefined, { key: null });
        return (body as { warmRunners?: { ready: number } }).warmRunners?.ready === WARM_RUNNERS;
      },
      { timeoutMs: 60_000 },
    );
  try {
    return await rounds(
      `${runtime}: create to QR, ${warm ? "from the pool" : "cold"}`,
      async (n) => createToQr(engine, `s-${n}`),
      warm ? filled : undefined,
    );
  } finally {
    await engine.stop();
  }
}

async function measureReturns(runtime: RuntimeKind, simulator: Simulator, cold: number, say: Say) {
  const engine = await startEngine({ runtime, simulator });
  const call = callerOf(engine);
  const against = { ...summarise([cold]), p50: cold };
  const connected = () => waitForStatus(engine, "s", "connected");
  const control = simulator.control;
  try {
    await linkSession(engine, simulator, "s", PHONE);
    await loginIsOnDisk(engine, "s");
    let count = 0;
    const send = () =>
      call("POST", "/sessions/s/send", 200, { to: FRIEND, type: "text", message: `message ${count++}` });
    const sendable = () =>
      until("a message to go out", async () => {
        const body = { to: FRIEND, type: "text", message: `message ${count++}` };
        return (await engine.api("POST /sessions/s/send", body)).status === 200;
      });
    const hibernate = async () => {
      await connected();
      await call("POST", "/sessions/s/hibernate", 200);
    };
    const tell = async (what: string, work: () => Promise<unknown>, before: () => Promise<unknown>) =>
      say(row(`${runtime}: ${what}`, await rounds(`${runtime}: ${what}`, work, before), "ms", against));

    await tell("wake from hibernation, to message sent", send, hibernate);
    await tell("restart by a call, to message sent", sendable, async () => {
      await connected();
      await call("POST", "/sessions/s/restart", 200);
    });
    const fault = (what: string, cause: () => Promise<unknown>) =>
      tell(
        `${what}, to message sent`,
        async () => (await cause(), await gone(), await sendable()),
        connected,
      );
    /** A fault is only over once it was noticed. */
    const gone = () =>
      until(
        "the fault to be noticed",
        async () => {
          const { body } = await engine.api("GET /sessions/s/status");
          return body.status !== "connected";
        },
        { timeoutMs: 60_000 },
      );
    await fault("runner killed", () => killRunner(engine, "s"));
    await fault("page crashed", () => control.crashPage(PHONE));
    await fault("page hangs", () => control.hangPage(PHONE));
    await tell(
      "control plane killed and started, to message sent",
      async () => (await engine.kill("SIGKILL"), await engine.restart(), await sendable()),
      connected,
    );
  } finally {
    await engine.stop();
  }
}

async function measureRest(simulator: Simulator, say: Say) {
  const engine = await startEngine({ runtime: "docker", simulator });
  try {
    await linkSession(engine, simulator, "s", PHONE);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const [pid = 0, ...others] = await pidsOfContainer(await containerOf(engine.installId, "s"));
    const idle = `${cgroupMiB(pid).toFixed(0)} | ${pssMiB([pid, ...others]).toFixed(0)}`;
    await engine.api("POST /sessions/s/hibernate");
    const left = (await runnersOf(engine)).length;
    say("\n| a session | containers | cgroup, MiB | PSS, MiB |\n|---|---|---|---|");
    say(`| connected, idle | 1 | ${idle} |`);
    say(`| hibernated | ${left} | ${left === 0 ? "0 | 0" : "? | ?"} |`);
  } finally {
    await engine.stop();
  }
}

export async function measureSessions(say: Say): Promise<void> {
  say(heading);
  for (const runtime of ["process", "docker"] as const) {
    const simulator = await startSimulator({ host: runtime === "docker" ? "0.0.0.0" : "127.0.0.1" });
    try {
      const cold = await measureStart(runtime, simulator, false);
      say(row(`${runtime}: create to QR, cold`, cold));
      say(
        row(
          `${runtime}: create to QR, from the pool`,
          await measureStart(runtime, simulator, true),
          "ms",
          cold,
        ),
      );
      await measureReturns(runtime, simulator, cold.p50, say);
    } finally {
      await simulator.close();
    }
  }
  const simulator = await startSimulator({ host: "0.0.0.0" });
  try {
    await measureRest(simulator, say);
  } finally {
    await simulator.close();
  }
}
