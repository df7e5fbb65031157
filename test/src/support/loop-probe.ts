/*
 * Loaded with `--import` into a program under test: on SIGUSR2 it says on stdout, as one line of JSON, for how long its event loop
 * was held at most since it said so last. What counts is the time that its thread had a processor in between two of the loop's
 * turns: that says what was done, where the clock says what else the machine did too.
 */
import { readFileSync } from "node:fs";

const EVERY_MS = 5;

/** Nanoseconds on a processor come first (Linux, Documentation/scheduler/sched-stats.rst). */
const usedMs = (): number => Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;

let before = usedMs();
let longest = 0;
setInterval(() => {
  const now = usedMs();
  longest = Math.max(longest, now - before);
  before = now;
}, EVERY_MS).unref();

process.on("SIGUSR2", () => {
  process.stdout.write(`${JSON.stringify({ heldMs: Math.round(longest) })}\n`);
  longest = 0;
});
