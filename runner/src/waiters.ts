import type { EventEmitter } from "node:events";

/** Callers that wait until something of a name happens. */
export const createWaiters = () => {
  const waiting = new Map<string, Set<() => void>>();
  return {
    /** Resolves when woken, when time is up, or when `caller` closes. */
    wait: (name: string, timeoutMs: number, caller?: EventEmitter): Promise<void> =>
      new Promise((resolve) => {
        const wakes = waiting.get(name) ?? new Set();
        const wake = () => {
          clearTimeout(timer);
          caller?.off("close", wake);
          wakes.delete(wake);
          if (wakes.size === 0) waiting.delete(name);
          resolve();
        };
        const timer = setTimeout(wake, timeoutMs);
        caller?.once("close", wake);
        waiting.set(name, wakes.add(wake));
      }),
    wakeAll: (): void => {
      for (const wakes of waiting.values()) for (const wake of wakes) wake();
    },
    /** Returns whether anybody waited. */
    wake: (name: string): boolean => {
      const wakes = [...(waiting.get(name) ?? [])];
      for (const wake of wakes) wake();
      return wakes.length > 0;
    },
  };
};
