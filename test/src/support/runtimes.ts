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
