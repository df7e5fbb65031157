import { Mutex } from "async-mutex";

export type SessionLocks = ReturnType<typeof createSessionLocks>;

/** One at a time for each session; sessions never wait for each other. */
export function createSessionLocks() {
  const mutexes = new Map<string, Mutex>();

  return {
    async run<T>(sessionId: string, work: () => T | Promise<T>): Promise<T> {
      const mutex = mutexes.get(sessionId) ?? new Mutex();
      mutexes.set(sessionId, mutex);
      const release = await mutex.acquire();
      try {
        return await work();
      } finally {
        release();
        if (!mutex.isLocked()) mutexes.delete(sessionId);
      }
    },
  };
}
