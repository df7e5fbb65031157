import { freemem } from "node:os";
import { startSimulator } from "@whatsapp-engine/simulator";
import { startEngine } from "@whatsapp-engine/test/support/engine.js";
import { runnersOf } from "@whatsapp-engine/test/support/runner.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { callerOf } from "./caller.ts";
import { cgroupMiB, pidsOfContainer, pssMiB } from "./memory.ts";
import { cpuSeconds } from "./process-time.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise, timed, timedMany } from "./statistics.ts";

/*
 * `npm run bench -- capacity`: links real sessions in containers, one after the other, until the engine itself refuses the
 * next for want of memory. Takes as long as that takes: some two seconds a session.
 */

const FRIEND = "6281111111111";
const SETTLE_MS = 10_000;
const MIB = 1024 * 1024;
const mib = (value: number) => value.toFixed(0);

export async function measureCapacity(say: (text: string) => void): Promise<void> {
  const simulator = await startSimulator({ host: "0.0.0.0" });
  const engine = await startEngine({ runtime: "docker", simulator });
  const call = callerOf(engine);
  const before = freemem();
  const links: number[] = [];
  try {
    for (;;) {
      const n = links.length;
      const sessionId = `s-${n}`;
      const account = `62813${String(n).padStart(8, "0")}`;
      const asked = await engine.api("POST /sessions/create", { sessionId });
      if (asked.body.error?.code === "capacity_exceeded") break;
      links.push(await timed(() => linkSession(engine, simulator, sessionId, account)));
      progress("sessions linked", links.length);
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const count = links.length;
    const pids = await Promise.all((await runnersOf(engine)).map(pidsOfContainer));
    const cpu = cpuSeconds([engine.pid]);
    const [status, sends] = [
      await timedMany(100, 1, (n) => call("GET", `/sessions/s-${n % count}/status`, 200)),
      await timedMany(100, 1, (n) =>
        call("POST", `/sessions/s-${n % count}/send`, 200, { to: FRIEND, type: "text", message: `m ${n}` }),
      ),
    ];
    const cgroup = pids.reduce((sum, [pid = 0]) => sum + cgroupMiB(pid), 0);
    const pss = pids.reduce((sum, of) => sum + pssMiB(of), 0);
    const used = cpuSeconds([engine.pid]) - cpu;
    say(`${count} sessions are connected; the next was refused for want of memory.`);
    say(`Free: ${mib(before / MIB)} MiB before, ${mib(freemem() / MIB)} MiB now.`);
    say(`All containers: cgroup ${mib(cgroup)} MiB, PSS ${mib(pss)} MiB.`);
    say(
      `Control plane: PSS ${mib(pssMiB([engine.pid]))} MiB, ${used.toFixed(1)} s of a processor for 200 calls.\n`,
    );
    say(heading);
    say(row("create, scan, connected: the first 20", summarise(links.slice(0, 20))));
    say(row("create, scan, connected: the last 20", summarise(links.slice(-20))));
    say(row("status of a session", summarise(status.each)));
    say(row("text, each by another session", summarise(sends.each)));
  } finally {
    await engine.stop();
    await simulator.close();
  }
}
