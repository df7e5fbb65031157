import { fork } from "node:child_process";
import { once } from "node:events";
import { runnerListeningSchema } from "@whatsapp-engine/contract/runner";
import { stubRunner } from "@whatsapp-engine/test/support/stub.js";
import { createCaller, type Caller } from "./caller.ts";

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
