import { setImmediate as nextTurn } from "node:timers/promises";

/** How long work of many parts holds the event loop before others have their turn; one call of theirs needs several. */
const TURN_MS = 1;

/** Two turns in which nobody has anything to do take less. */
const IDLE_MS = 0.2;

/** Gives way to others: to what has come meanwhile, and to what that commits. Returns whether there was nothing. */
export async function giveWay(): Promise<boolean> {
  const startedAt = performance.now();
  await nextTurn();
  await nextTurn();
  return performance.now() - startedAt < IDLE_MS;
}

/** To be awaited between the parts of such work: gives way to others once its turn is over. */
export function createTurns(): () => Promise<void> {
  let endsAt = performance.now() + TURN_MS;
  return async () => {
    if (performance.now() < endsAt) return;
    await giveWay();
    endsAt = performance.now() + TURN_MS;
  };
}
