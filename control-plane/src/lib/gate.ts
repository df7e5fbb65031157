import { E_TIMEOUT, Semaphore, withTimeout } from "async-mutex";
import { AppError } from "@whatsapp-engine/contract/api";

/** When a caller who was refused may find room. */
const RETRY_SECONDS = 5;

const BLOCK_BYTES = 64 * 1024;
/** What bytes weigh: small numbers, as async-mutex counts down from all that is free (0.5 s where that is 90 million). */
export const weightOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

export type Gate = {
  /** Waits for room, and returns what gives it back; giving it back twice is fine. Throws `too_busy`. */
  enter(weight?: number): Promise<() => void>;
  /** The same around some work. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
};

/**
 * Bounds what runs at once of what costs much. Who finds no room waits for `waitMs` at the most, in the order of coming. `room`: how much
 * all that is inside may weigh; what weighs more counts as that. `of`: what it is about, as the subject of a sentence, and its setting.
 */
export function createGate({ room, waitMs, of }: { room: number; waitMs: number; of: string }): Gate {
  const semaphore = withTimeout(new Semaphore(room), waitMs);

  async function enter(weight = 1): Promise<() => void> {
    const taken = Math.min(weight, room);
    const release = await semaphore.acquire(taken).then(
      ([, give]) => give,
      (error: unknown) => {
        if (error !== E_TIMEOUT) throw error;
        throw new AppError("too_busy", `${of} are under way already; try again in ${RETRY_SECONDS} s.`, {
          retryAfterSeconds: RETRY_SECONDS,
        });
      },
    );
    return release;
  }

  return {
    enter,
    async run(work) {
      const leave = await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
