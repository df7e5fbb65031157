import type { Db } from "./open.ts";

export type GroupCommit = <T>(work: () => T) => Promise<T>;

/**
 * Commits many small writes with one wait for the disk: what is asked for in the same turn of the event loop becomes one
 * transaction. Resolves when it is on disk. A write that throws is undone alone; if the commit fails, all of it fails.
 */
export function createGroupCommit(db: Db): GroupCommit {
  type Waiting = { attempt(): void; done(): void; fail(error: unknown): void };
  let waiting: Waiting[] = [];

  function flush(): void {
    const group = waiting;
    waiting = [];
    try {
      db.transaction(() => {
        for (const { attempt } of group) attempt();
      });
      for (const { done } of group) done();
    } catch (error) {
      for (const { fail } of group) fail(error);
    }
  }

  return (work) =>
    new Promise((resolve, reject) => {
      let settle: () => void;
      const attempt = () => {
        try {
          // Inside a transaction this is a savepoint.
          const value = db.transaction(() => work());
          settle = () => resolve(value);
        } catch (error) {
          settle = () => reject(error as Error);
        }
      };
      if (waiting.push({ attempt, done: () => settle(), fail: reject }) === 1) setImmediate(flush);
    });
}
