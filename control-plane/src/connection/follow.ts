import { setTimeout as delay } from "node:timers/promises";
import type { StreamLine } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import type { RunnerClient } from "./client.ts";
import type { UnreadableLine } from "./stream.ts";

/** The pause before a connection is opened again: twice as long each time, until something of use was read. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** After a line that could not be taken: the runner tells it again at once, and each time costs both sides as much. */
const LONGEST_NOT_TAKEN_PAUSE_MS = 5_000;

export type FollowOptions = {
  client: RunnerClient;
  /** Sequence number of the last event that is stored. */
  cursor: () => number;
  /** Takes a line. If it throws, the line is told again from `cursor` on. */
  onLine: (line: StreamLine | UnreadableLine) => void;
  /** A line could not be taken, by this error. Must not throw. */
  onNotTaken: (error: unknown) => void;
  /** Each time the stream broke: how long nothing was heard. May abort `signal`; must not throw. */
  onBroken: (silentMs: number, error: unknown) => Promise<void>;
  clock: Clock;
  signal: AbortSignal;
};

/** Reads a runner's stream until `signal` aborts, connecting again where it breaks. Resolves, never throws. */
export async function followRunner(options: FollowOptions): Promise<void> {
  const { client, cursor, onLine, onNotTaken, onBroken, clock, signal } = options;
  let heardAt = clock.now();
  let pauseMs = FIRST_PAUSE_MS;

  /** Undefined where it cannot be had now. */
  function from(): number | undefined {
    try {
      return cursor();
    } catch (error) {
      onNotTaken(error);
      return undefined;
    }
  }

  function take(line: StreamLine | UnreadableLine): boolean {
    try {
      onLine(line);
      return true;
    } catch (error) {
      onNotTaken(error);
      return false;
    }
  }

  while (!signal.aborted) {
    const after = from();
    let longestMs = after === undefined ? LONGEST_NOT_TAKEN_PAUSE_MS : LONGEST_PAUSE_MS;
    try {
      for await (const line of after === undefined ? [] : client.stream(after, signal)) {
        heardAt = clock.now();
        if (!take(line)) {
          longestMs = LONGEST_NOT_TAKEN_PAUSE_MS;
          break;
        }
        if (goesOn(line)) pauseMs = FIRST_PAUSE_MS;
      }
    } catch (error) {
      if (signal.aborted) return;
      await onBroken(clock.now() - heardAt, error);
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, longestMs);
  }
}

/** Every connection begins with a state, readable or not, which says nothing of what follows it. */
const goesOn = (line: StreamLine | UnreadableLine): boolean =>
  line.line === "unreadable" ? line.seq !== null : line.line !== "state";
