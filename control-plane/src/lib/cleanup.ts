import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError, type Cleanup, type CleanupKind } from "@whatsapp-engine/contract/api";
import { iso, type Clock } from "./clock.ts";
import type { Log } from "./logger.ts";
import type { SweepStep } from "./sweeper.ts";

const EVERY_MS = 60 * 60_000;

/** Removes what is no longer kept of one kind; answers how much. Throws where it cannot tell what is, having removed nothing on a guess. */
export type CleanupStep = (signal: AbortSignal) => Promise<number>;

/** A step that is done in small batches, between other work. */
export const inBatches =
  (step: SweepStep): CleanupStep =>
  async (signal) => {
    let total = 0;
    for (let count = 0; !signal.aborted && (count = step()) > 0; total += count) await nextTurn();
    return total;
  };

/** Removes what nobody needs any more, at the start and every hour, and counts it. */
export function createCleanup(deps: {
  steps: readonly (readonly [CleanupKind, CleanupStep])[];
  /** Profiles that no session has and that are not removed. */
  kept: () => Cleanup["kept"];
  /** Throws `runtime_unavailable`. */
  otherRunners: () => Promise<NonNullable<Cleanup["otherRunners"]>>;
  clock: Clock;
  log: Log;
}) {
  const { steps, clock, log } = deps;
  const removed: Cleanup["removed"] = {
    containers: 0,
    profiles: 0,
    media: 0,
    events: 0,
    messages: 0,
    files: 0,
  };
  let lastRunAt: string | null = null;
  let failures: Cleanup["failures"] = [];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const closing = new AbortController();

  async function sweep(): Promise<void> {
    const startedAt = performance.now();
    const now: Partial<Record<CleanupKind, number>> = {};
    const failed: Cleanup["failures"] = [];
    for (const [kind, step] of steps) {
      if (closing.signal.aborted) return;
      try {
        const count = await step(closing.signal);
        removed[kind] += count;
        if (count > 0) now[kind] = (now[kind] ?? 0) + count;
      } catch (err) {
        failed.push({ kind, why: (err as Error).message });
        log.warn({ kind, err }, "could not be cleaned up; it is tried again in an hour");
      }
    }
    failures = failed;
    lastRunAt = iso(clock.now());
    if (Object.keys(now).length > 0)
      log.info({ removed: now, ms: Math.round(performance.now() - startedAt) }, "cleaned up");
  }

  /** One run at a time; resolves at its end, never throws. */
  function run(): Promise<void> {
    return (running ??= sweep().finally(() => (running = undefined)));
  }

  return {
    run,

    /** Counts what was removed between two runs. */
    count(kind: CleanupKind, n: number): void {
      removed[kind] += n;
    },

    async status(): Promise<Cleanup> {
      const otherRunners = await deps.otherRunners().catch((error: unknown) => {
        if (error instanceof AppError && error.code === "runtime_unavailable") return null;
        throw error;
      });
      return { lastRunAt, removed: { ...removed }, kept: deps.kept(), otherRunners, failures };
    },

    open(): void {
      timer = setInterval(() => void run(), EVERY_MS).unref();
      void run();
    },

    /** Ends with the step that is under way. */
    async close(): Promise<void> {
      closing.abort();
      clearInterval(timer);
      await running;
    },
  };
}
