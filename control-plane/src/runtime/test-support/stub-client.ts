import { setTimeout as delay } from "node:timers/promises";
import type { RunnerHost } from "../runner-host.ts";

/** Calls the stub runner, and waits for it to listen first. */
export const callStub = async (
  runners: Pick<RunnerHost, "endpoint">,
  runnerId: string,
  path: string,
): Promise<unknown> => {
  const deadline = Date.now() + 10_000;
  const { host, port } = await runners.endpoint(runnerId);
  for (;;) {
    const answer = await fetch(`http://${host}:${port}${path}`).catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
    });
    if (answer) return answer.json();
    await delay(20);
  }
};
