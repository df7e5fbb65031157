/*
 * Loaded with `--import` into a program under test: on SIGUSR2 it says on stdout, as one line of JSON, for how long its event loop
 * was held at most since it said so last.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

process.on("SIGUSR2", () => {
  process.stdout.write(`${JSON.stringify({ heldMs: Math.round(delay.max / 1e6) })}\n`);
  delay.reset();
});
