import { setTimeout as delay } from "node:timers/promises";
import { steps, type Step } from "@whatsapp-engine/contract/steps";
import type { Death } from "../support/death.ts";
import type { Engine } from "../support/engine.ts";
import { killRunner } from "../support/runner.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import type { Random } from "./random.ts";

/** Longest time until a kill at a random moment. */
const LONGEST_DELAY_MS = 600;
/** Longest wait for a step that nobody may come to. */
const STEP_MS = 2_000;

/** Those that traffic comes to; a session's life is `crash/session-matrix`. */
const stepsOfTraffic = steps.filter((step) => /^(message|send|event)\./.test(step));

const isOfControlPlane = (step: Step): boolean =>
  step.startsWith("message.") || step.endsWith("commit") || step.endsWith("committed");

/**
 * Ends one process of the engine, or a page, at any moment or at a step, and has it back: a control plane is started again, runners
 * come back by themselves. Resolves with what it did, once a control plane answers again.
 */
export async function killOne(
  { engine, simulator }: Stage,
  death: Death,
  random: Random,
  accounts: readonly (readonly [sessionId: string, account: string])[],
): Promise<string> {
  const [sessionId, account] = random.pick(accounts);
  const delayMs = random.between(0, LONGEST_DELAY_MS);
  switch (random.pick(["control plane", "runner", "page", "step", "step", "step"] as const)) {
    case "control plane":
      await delay(delayMs);
      await engine.kill("SIGKILL");
      await engine.restart();
      return "killed the control plane";
    case "runner":
      await delay(delayMs);
      return (await killIfThere(engine, sessionId)) ? `killed the runner of ${sessionId}` : "killed nobody";
    case "page":
      await delay(delayMs);
      await simulator.control.crashPage(account);
      return `crashed the page of ${sessionId}`;
    case "step": {
      const step = random.pick(stepsOfTraffic);
      death.order(step, { passing: random.between(1, step.startsWith("event.") ? 1 : 4) });
      await until("the step", () => death.isDone(), { timeoutMs: STEP_MS }).catch(() => undefined);
      if (!death.callOff()) return `nobody came to ${step}`;
      if (isOfControlPlane(step)) await engine.restart();
      return `killed at ${step}`;
    }
  }
}

/** A runner that was killed before may not be back. */
async function killIfThere(engine: Engine, sessionId: string): Promise<boolean> {
  try {
    await killRunner(engine, sessionId);
    return true;
  } catch {
    return false;
  }
}
