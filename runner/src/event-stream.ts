import type { RunnerState, StreamLine } from "@whatsapp-engine/contract/runner";
import type { Journal } from "./journal.ts";
import type { StateHolder } from "./runner-state.ts";

/** How often a quiet stream says that it lives. */
const PING_MS = 5_000;
/** A reader that is this many states behind loses the oldest of them. */
const MAX_STATES = 100;

type Deps = { journal: Journal; state: StateHolder; after: number; signal: AbortSignal; pingMs?: number };

/**
 * The present state, then journaled events above `after`, then all as it happens. It is pulled: a slow reader holds
 * nothing in memory but states, since events wait in the journal.
 */
export async function* streamLines({
  journal,
  state,
  after,
  signal,
  pingMs = PING_MS,
}: Deps): AsyncGenerator<string> {
  // A number that this journal has not come to is of another one, which was lost with its volume: all of this one is new.
  let cursor = after > journal.lastSeq ? 0 : after;
  let states: RunnerState[] = [state.get()];
  let wake = (): void => {};
  const stops = [
    state.subscribe((next) => {
      states.push(next);
      if (states.length > MAX_STATES) states.shift();
      wake();
    }),
    journal.onEvent(() => wake()),
  ];
  signal.addEventListener("abort", () => wake());

  try {
    while (!signal.aborted) {
      const lines: StreamLine[] = states.map((one) => ({ line: "state", state: one }));
      states = [];
      for (const { seq, at, event } of journal.eventsAfter(cursor))
        lines.push({ line: "event", seq, at, event });
      cursor = Math.max(cursor, journal.lastSeq);
      if (lines.length > 0) yield lines.map(text).join("");
      if (states.length > 0 || journal.lastSeq > cursor || signal.aborted) continue;
      const woken = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(resolve, pingMs, false);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (!woken) yield text({ line: "ping" });
    }
  } finally {
    for (const stop of stops) stop();
  }
}

const text = (line: StreamLine): string => `${JSON.stringify(line)}\n`;
