import { setTimeout as delay } from "node:timers/promises";
import { labels } from "@whatsapp-engine/contract/runner";
import type { Engine } from "./engine.ts";
import type { Log } from "../../lib/logger.ts";
import type { RuntimeEvent } from "../runner-host.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/** The engine listens a moment after it answers, and its lists show an end some 70 ms late: replay covers both. */
const REPLAY_SECONDS = 2;

/**
 * Follows the engine's events about this installation's containers until `signal` aborts. After every connect it
 * tells `relist`, since what ended while nobody listened is never told; when the stream is lost, `unavailable`.
 * An event of the last seconds may be told again after a connect.
 */
export const watchEngine = async (
  { engine, installId, log }: { engine: Engine; installId: string; log: Log },
  tell: (event: RuntimeEvent) => void,
  signal: AbortSignal,
): Promise<void> => {
  let retryMs = FIRST_RETRY_MS;
  let known: "nothing" | "connected" | "lost" = "nothing";
  while (!signal.aborted) {
    try {
      const since = Date.now() / 1000 - REPLAY_SECONDS;
      const stream = await engine.docker.getEvents({
        since,
        filters: {
          type: ["container"],
          event: ["start", "die", "oom"],
          label: [`${labels.install}=${installId}`, labels.runner],
        },
        abortSignal: signal,
      });
      retryMs = FIRST_RETRY_MS;
      known = "connected";
      tell({ type: "relist" });
      for await (const line of lines(stream)) {
        // Lines that came in one piece outlast the stream they came by.
        if (signal.aborted) return;
        const event = readEvent(line);
        if (event) tell(event);
      }
    } catch (error) {
      // Refused, reset or cut off: what follows is the same as after a quiet end.
      if (!signal.aborted && known !== "lost")
        log.warn({ err: error }, "The Docker engine's event stream broke");
    }
    if (signal.aborted) return;
    if (known !== "lost") tell({ type: "unavailable" });
    known = "lost";
    await delay(retryMs, undefined, { signal }).catch(() => {});
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
};

async function* lines(stream: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (
      rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))
    ).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter((part) => part !== "");
  }
}

const readEvent = (line: string): RuntimeEvent | undefined => {
  const { Action, Actor } = JSON.parse(line) as {
    Action?: string;
    Actor?: { Attributes?: Record<string, string> };
  };
  const runnerId = Actor?.Attributes?.[labels.runner];
  if (runnerId === undefined) return undefined;
  switch (Action) {
    case "start":
      return { type: "started", runnerId };
    case "oom":
      return { type: "out_of_memory", runnerId };
    case "die": {
      const exitCode = Number(Actor?.Attributes?.["exitCode"] ?? Number.NaN);
      return { type: "exited", runnerId, exitCode: Number.isNaN(exitCode) ? null : exitCode };
    }
    default:
      return undefined;
  }
};
