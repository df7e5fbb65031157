import { withoutSync, type Db } from "./open.ts";

export type GroupCommit = <T>(work: () => T) => Promise<T>;

/** How long one transaction may hold the event loop; what is left goes with the next, and others come in between. */
const TURN_MS = 10;

/**
 * Commits many small writes with one transaction: what is asked for in the same turn of the event loop, as far as
 * `TURN_MS` reaches. Resolves when it is committed, and by default on disk; with `sync: false` as `withoutSync` has it. A
 * write that throws is undone alone; if the commit fails, all of it fails. `now` answers milliseconds.
 */
export function createGroupCommit(
  db: Db,
  { sync = true, now = () => performance.now() }: { sync?: boolean; now?: () => number } = {},
): GroupCommit {
  type Waiting = { attempt(): void; done(): void; fail(error: unknown): void };
  let waiting: Waiting[] = [];

  /** How many of those who wait were written. */
  function writeSome(): number {
    const until = now() + TURN_MS;
    let count = 0;
    do waiting[count++]!.attempt();
    while (count < waiting.length && now() < until);
    return count;
  }

  function flush(): void {
    let count = waiting.length;
    try {
      const commit = () => db.transaction(() => (count = writeSome()));
      if (sync) commit();
      else withoutSync(db, commit);
      for (const { done } of waiting.slice(0, count)) done();
    } catch (error) {
      for (const { fail } of waiting.slice(0, count)) fail(error);
    }
    waiting = waiting.slice(count);
    if (waiting.length > 0) setImmediate(flush);
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
