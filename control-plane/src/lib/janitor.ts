import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError, cleanupKinds, type Cleanup, type CleanupKind } from "@whatsapp-engine/contract/api";
import { iso, type Clock } from "./clock.ts";
import type { Log } from "./logger.ts";

const EVERY_MS = 60 * 60_000;

/** Removes what is no longer kept of one kind; returns how much. Throws where it cannot tell what is, having removed nothing on a guess. */
export type CleanupStep = (signal: AbortSignal) => Promise<number>;

/** Removes one small batch of what is no longer kept; returns how many rows, 0 when nothing is left to do. */
export type CleanupBatch = () => number;

/** A step that is done in small batches, between other work. */
export const inBatches =
  (batch: CleanupBatch): CleanupStep =>
  async (signal) => {
    let total = 0;
    for (let count = 0; !signal.aborted && (count = batch()) > 0; total += count) await nextTurn();
    return total;
  };

/** Removes what nobody needs any more, at the start, every hour and when asked, and counts it. */
export function createJanitor(deps: {
  steps: readonly (readonly [CleanupKind, CleanupStep])[];
  /** Profiles that no session has and that are not removed. */
  kept: () => Cleanup["kept"];
  /** Throws `runtime_unavailable`. */
  otherRunners: () => Promise<NonNullable<Cleanup["otherRunners"]>>;
  clock: Clock;
  log: Log;
}) {
  const { steps, clock, log } = deps;
  const removed = Object.fromEntries(cleanupKinds.map((kind) => [kind, 0])) as Cleanup["removed"];
  const failures = new Map<CleanupKind, string>();
  const due = new Set<CleanupKind>();
  let lastRunAt: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const closing = new AbortController();

  async function runOnce(kinds: ReadonlySet<CleanupKind>): Promise<void> {
    const startedAt = performance.now();
    const now: Partial<Record<CleanupKind, number>> = {};
    for (const kind of kinds) failures.delete(kind);
    for (const [kind, step] of steps.filter(([kind]) => kinds.has(kind))) {
      if (closing.signal.aborted) return;
      try {
        const count = await step(closing.signal);
        removed[kind] += count;
        if (count > 0) now[kind] = (now[kind] ?? 0) + count;
      } catch (err) {
        failures.set(kind, (err as Error).message);
        log.warn({ kind, err }, "could not be cleaned up; it is tried again in an hour");
      }
    }
    if (kinds.size === cleanupKinds.length) lastRunAt = iso(clock.now());
    if (Object.keys(now).length > 0)
      log.info({ removed: now, ms: Math.round(performance.now() - startedAt) }, "cleaned up");
  }

  async function work(): Promise<void> {
    while (due.size > 0 && !closing.signal.aborted) {
      const kinds = new Set(due);
      due.clear();
      await runOnce(kinds);
    }
  }

  /** Has these kinds looked at soon. Resolves when that is done; never rejects. */
  function request(...kinds: readonly CleanupKind[]): Promise<void> {
    for (const kind of kinds) due.add(kind);
    return (running ??= nextTurn()
      .then(work)
      .finally(() => (running = undefined)));
  }
  const run = () => request(...cleanupKinds);

  return {
    run,
    request,

    /** Counts what was removed between two runs. */
    count(kind: CleanupKind, n: number): void {
      removed[kind] += n;
    },

    async status(): Promise<Cleanup> {
      const otherRunners = await deps.otherRunners().catch((error: unknown) => {
        if (error instanceof AppError && error.code === "runtime_unavailable") return null;
        throw error;
      });
      return {
        lastRunAt,
        removed: { ...removed },
        kept: deps.kept(),
        otherRunners,
        failures: [...failures].map(([kind, why]) => ({ kind, why })),
      };
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
