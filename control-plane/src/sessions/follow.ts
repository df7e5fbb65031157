import { setTimeout as delay } from "node:timers/promises";
import type { StreamLine } from "@whatsapp-engine/contract";
import type { Clock } from "../clock.ts";
import type { RunnerClient } from "../runner-client.ts";
import type { UnreadableLine } from "../runner-stream.ts";

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;
/** After a line that could not be taken: the runner is not at fault, and tells it again at once. */
const NOT_TAKEN_RETRY_MS = 1_000;

export type FollowOptions = {
  client: RunnerClient;
  /** Sequence number of the last event that is stored. */
  cursor: () => number;
  onLine: (line: Exclude<StreamLine, { line: "ping" }> | UnreadableLine) => void;
  /** Each time the stream broke: how long nothing was heard. May abort `signal`; must not throw. */
  onBroken: (silentMs: number, error: unknown) => Promise<void>;
  clock: Clock;
  signal: AbortSignal;
};

/** Reads a runner's stream until `signal` aborts, connecting again where it breaks. Resolves, never throws. */
export async function followRunner(options: FollowOptions): Promise<void> {
  const { client, cursor, onLine, onBroken, clock, signal } = options;
  let heardAt = clock.now();
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      for await (const line of client.stream(cursor(), signal)) {
        heardAt = clock.now();
        retryMs = NOT_TAKEN_RETRY_MS;
        if (line.line !== "ping") onLine(line);
        retryMs = FIRST_RETRY_MS;
      }
    } catch (error) {
      if (signal.aborted) return;
      await onBroken(clock.now() - heardAt, error);
    }
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
    retryMs = Math.min(retryMs * 1.5, LONGEST_RETRY_MS);
  }
}
