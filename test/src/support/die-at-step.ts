/*
 * Loaded with `--import` into an engine under test, and by it into the runners that it starts as children: ends the
 * process with SIGKILL at a named step, as the file `DIE_AT_STEP` says. That file is taken away first, so that one order
 * ends one process; what is started afterwards lives.
 */
import { subscribe } from "node:diagnostics_channel";
import { renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { STEP_CHANNEL, type StepPassed } from "@whatsapp-engine/contract/steps";
import { changeRunners } from "./change-runners.ts";
import { DIE_AT_STEP, readOrder } from "./death.ts";

const path = process.env[DIE_AT_STEP];
if (path === undefined) throw new Error(`${DIE_AT_STEP} must name a file`);
let passings = 0;
let present: string | undefined;

subscribe(STEP_CHANNEL, (message) => {
  const { step, details } = message as StepPassed;
  const order = readOrder(path);
  if (order?.step !== step || (order.type !== undefined && order.type !== details["type"])) return;
  if (order.id !== present) passings = 0;
  present = order.id;
  passings += 1;
  if (passings < order.passing) return;
  try {
    renameSync(path, `${path}.done`);
  } catch {
    return; // another process was first
  }
  process.kill(process.pid, "SIGKILL");
});

// A runner is started with an environment and arguments of its own, and must be led here too.
const here = fileURLToPath(import.meta.url);
changeRunners((entry) => ({ args: ["--import", here, entry], env: { [DIE_AT_STEP]: path } }));
