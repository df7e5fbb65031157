import { describe, inject } from "vitest";
import type { RuntimeKind } from "./engine.ts";

/** The same promises, held to each runtime. Where there is no Docker engine the set-up says so loudly, or has failed. */
export function onEachRuntime(name: string, suite: (runtime: RuntimeKind) => void): void {
  describe(`${name}, on the process runtime`, () => suite("process"));
  onDocker(`${name}, on the Docker runtime`, () => suite("docker"));
}

/** Promises that only containers can keep. */
export function onDocker(name: string, suite: () => void): void {
  describe.skipIf(inject("dockerMissing") !== null)(name, suite);
}

/** Promises that only a Docker engine of the test's own can be held to. Starting one takes root. */
export function onPrivateDocker(name: string, suite: () => void): void {
  if (process.getuid?.() === 0) return onDocker(name, suite);
  if (process.env["CI"] !== undefined)
    throw new Error(`Not root, so no Docker engine can be started: ${name}`);
  describe.skip(`${name} (NOT RUN: only root can start a Docker engine)`, suite);
}
