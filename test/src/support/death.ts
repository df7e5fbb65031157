import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Step } from "@whatsapp-engine/contract/steps";
import { until } from "./until.ts";

/** Names, in the environment of an engine under test, the file with the order to die. */
export const DIE_AT_STEP = "DIE_AT_STEP";

/** `type`: only where the step is about an event of this type. `passing`: at which passing of the step, from 1. */
export type Order = { step: Step; type?: string; passing: number };

/** Has a process of an engine die at a named step. */
export type Death = {
  /** For `startEngine`. */
  readonly settings: Record<string, string>;
  readonly nodeArgs: readonly string[];
  /** From now on the next process that comes to the step dies there. */
  order(step: Step, more?: Partial<Order>): void;
  /** Whether one died. */
  isDone(): boolean;
  /** Resolves when one died. */
  happened(): Promise<void>;
  /** Takes back an order; answers whether it was carried out before. */
  callOff(): boolean;
};

export function createDeath(folder: string): Death {
  // A runner is its session's user, who must read the order and take it away.
  chmodSync(folder, 0o711);
  const orders = join(folder, "orders");
  mkdirSync(orders, { recursive: true });
  chmodSync(orders, 0o777);
  const path = join(orders, "die-at-step.json");
  const isDone = () => readOrder(`${path}.done`) !== null;
  return {
    settings: { [DIE_AT_STEP]: path },
    // Compiled: the engine's Node does not read TypeScript.
    nodeArgs: ["--import", fileURLToPath(new URL("../../dist/support/die-at-step.js", import.meta.url))],
    order(step, more = {}) {
      rmSync(`${path}.done`, { force: true });
      const draft = `${path}.new`;
      writeFileSync(draft, JSON.stringify({ id: randomUUID(), step, passing: 1, ...more }));
      renameSync(draft, path);
    },
    isDone,
    happened: () =>
      until("a process to die at its step", isDone, {
        seen: () => readOrder(path) ?? "nothing ordered",
      }).then(() => undefined),
    callOff() {
      rmSync(path, { force: true });
      return isDone();
    },
  };
}

/** What is ordered; null: nothing. */
export function readOrder(path: string): (Order & { id: string }) | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Order & { id: string };
  } catch {
    return null;
  }
}
