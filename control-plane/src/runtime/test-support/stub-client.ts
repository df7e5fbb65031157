import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "../runtime.ts";

/** Calls the stub runner, and waits for it to listen first. */
export const callStub = async (runtime: Runtime, runnerId: string, path: string): Promise<unknown> => {
  const deadline = Date.now() + 10_000;
  const { host, port } = await runtime.endpoint(runnerId);
  for (;;) {
    const answer = await fetch(`http://${host}:${port}${path}`).catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
    });
    if (answer) return answer.json();
    await delay(20);
  }
};
