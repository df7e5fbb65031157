import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { runnerListeningSchema } from "@whatsapp-engine/contract";
import { createCaller, type Caller } from "./caller.ts";

const stubRunner = fileURLToPath(new URL("stub-runner.js", import.meta.url));
const preload = new URL("stub-preload.js", import.meta.url).href;

/** A text that begins so is delivered and read at once, which the runner tells by its stream. */
export const TO_BE_READ = "read: ";

/** What a stub says of itself, from its start and from a SIGUSR2 on. */
export type StubStatus = "authenticated" | "connected";

/** Settings of an engine whose runners are stubs. They reach the engine's process only. */
export const stubSettings = {
  NODE_OPTIONS: `--import=${preload}`,
  // Never started, but looked for.
  CHROMIUM_PATH: process.execPath,
};

/** A stub without an engine: what a call costs that only goes there and back. */
export async function startStub(): Promise<{ call: Caller; stop(): void }> {
  const token = "direct";
  const child = fork(stubRunner, [], { env: { RUNNER_TOKEN: token } });
  const [message] = await once(child, "message");
  const { port } = runnerListeningSchema.parse(message).listening;
  return {
    call: createCaller(`http://127.0.0.1:${port}`, { authorization: `Bearer ${token}` }),
    stop: () => void child.kill("SIGTERM"),
  };
}
