import type { Engine } from "@whatsapp-engine/test/support/engine.js";
import { runnersOf } from "@whatsapp-engine/test/support/runner.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { callerOf } from "./caller.ts";
import { countMessages, sessionId, SESSIONS, toggleProfile } from "./outbox-engine.ts";
import { cpuSeconds } from "./process-time.ts";
import { progress } from "./progress.ts";
import { databaseBytes } from "./raw-sqlite.ts";
import { timed, timedMany } from "./statistics.ts";

export type Throughput = {
  messages: number;
  acceptedPerSecond: number;
  /** From the first call until the last message is settled. */
  settledPerSecond: number;
  /** Busy time a second of all elapsed, 1 being a whole core. */
  cores: { controlPlane: number; runners: number; caller: number };
  controlPlaneCpuPer1000: number;
  bytesPerMessage: number;
};

/** Has `accept` give the engine so many messages, and waits until all are `settled` and the database rests. */
async function measure(
  engine: Engine,
  { what, messages, settled }: { what: string; messages: number; settled: string },
  accept: () => Promise<unknown>,
): Promise<Throughput> {
  const runners = (await runnersOf(engine)).map(Number);
  const cpu = () => ({
    controlPlane: cpuSeconds([engine.pid]),
    runners: cpuSeconds(runners),
    caller: cpuSeconds([process.pid]),
  });
  const settledNow = () => countMessages(engine)[settled] ?? 0;
  const before = { settled: settledNow(), bytes: databaseBytes(engine.dataDir), cpu: cpu() };
  let acceptedMs = 0;
  toggleProfile(engine);
  const totalMs = await timed(async () => {
    acceptedMs = await timed(accept);
    await until(
      `${messages} messages to be ${settled}`,
      () => {
        const done = settledNow() - before.settled;
        progress(`${what}: messages ${settled}`, done, messages);
        return done === messages;
      },
      { timeoutMs: 180_000, seen: () => countMessages(engine) },
    );
  });
  toggleProfile(engine);
  const after = cpu();
  const used = (who: keyof typeof after) => after[who] - before.cpu[who];
  const cores = (who: keyof typeof after) => used(who) / (totalMs / 1000);
  return {
    messages,
    acceptedPerSecond: messages / (acceptedMs / 1000),
    settledPerSecond: messages / (totalMs / 1000),
    cores: { controlPlane: cores("controlPlane"), runners: cores("runners"), caller: cores("caller") },
    controlPlaneCpuPer1000: used("controlPlane") / (messages / 1000),
    bytesPerMessage: (databaseBytes(engine.dataDir) - before.bytes) / messages,
  };
}

const phone = (n: number) => `6281${String(n).padStart(8, "0")}`;

/** A bulk of `size` for each of so many sessions, five calls at a time. */
export function measureBulks(
  engine: Engine,
  size: number,
  message: string,
  { settled = "sent", sessions = SESSIONS } = {},
) {
  const call = callerOf(engine);
  const what = { what: `bulks of ${size}`, messages: sessions * size, settled };
  return measure(engine, what, () =>
    timedMany(sessions, 5, (n) =>
      call("POST", `/sessions/${sessionId(n)}/messages/bulk`, 202, {
        recipients: Array.from({ length: size }, (_, i) => phone(n * size + i)),
        message,
      }),
    ),
  );
}

/** One call a message, 32 at a time, to one session after the other. */
export function measureSingles(engine: Engine, messages: number, message: string) {
  const call = callerOf(engine);
  return measure(engine, { what: "single calls", messages, settled: "sent" }, () =>
    timedMany(messages, 32, (n) =>
      call("POST", `/sessions/${sessionId(n)}/send`, 202, { to: phone(n), message, async: true }),
    ),
  );
}

export const throughputHeading = `
| what | messages | accepted/s | settled/s | of raw commits/s | control plane, CPU s per 1,000 | cores busy: control plane / runners / caller | bytes a message (of a bare row) |
| ---- | -------- | ---------- | --------- | ---------------- | ------------------------------ | -------------------------------------------- | ------------------------------- |`;

export function throughputRow(
  what: string,
  of: Throughput,
  raw: { perSecond: number; bytesPerRow: number },
): string {
  const cells = [
    what,
    of.messages,
    of.acceptedPerSecond.toFixed(0),
    of.settledPerSecond.toFixed(0),
    `${(of.settledPerSecond / raw.perSecond).toFixed(2)} ×`,
    of.controlPlaneCpuPer1000.toFixed(2),
    [of.cores.controlPlane, of.cores.runners, of.cores.caller].map((cores) => cores.toFixed(2)).join(" / "),
    `${of.bytesPerMessage.toFixed(0)} (${(of.bytesPerMessage / raw.bytesPerRow).toFixed(1)} ×)`,
  ];
  return `| ${cells.join(" | ")} |`;
}
