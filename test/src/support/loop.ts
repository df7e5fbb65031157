import type { Engine } from "./engine.ts";
import { until } from "./until.ts";

const probe = new URL("../../dist/support/loop-probe.js", import.meta.url).href;

/** Of an engine whose event loop is measured. */
export const measuredNodeArgs = ["--import", probe];

/** For how many milliseconds the engine's event loop was held at most, since this was asked last. */
export async function heldMs(engine: Engine): Promise<number> {
  const lines = () => engine.output().match(/^\{"heldMs":\d+\}$/gm) ?? [];
  const before = lines().length;
  process.kill(engine.pid, "SIGUSR2");
  const line = await until("the engine to tell how long its loop was held", () => lines()[before]);
  return (JSON.parse(line) as { heldMs: number }).heldMs;
}
