import { Mutex } from "async-mutex";

export type Locks = ReturnType<typeof createLocks>;

/** One at a time for each key (a session's id, say); work of different keys never waits for each other. */
export function createLocks() {
  const mutexes = new Map<string, Mutex>();

  return {
    async run<T>(key: string, work: () => T | Promise<T>): Promise<T> {
      const mutex = mutexes.get(key) ?? new Mutex();
      mutexes.set(key, mutex);
      const release = await mutex.acquire();
      try {
        return await work();
      } finally {
        release();
        if (!mutex.isLocked()) mutexes.delete(key);
      }
    },
  };
}
