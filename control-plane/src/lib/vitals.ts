import { AppError, type ErrorCode } from "@whatsapp-engine/contract/api";
import type { Log } from "./logger.ts";
import { shareAnswer } from "./share-answer.ts";

/** How often it is looked unasked, so that the log tells of a trouble and of its end. */
const LOOK_EVERY_MS = 3_000;
/** How long an answer holds, whoever asks: each needs the disk and the runtime. */
const HOLDS_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;

/** Something that the engine cannot work without. */
export type Vital = {
  name: string;
  /** Of the answer while it is in trouble. */
  code: ErrorCode;
  /** What is wrong, as a sentence for people; null: nothing. One that throws is in trouble, too. */
  look(): string | null | Promise<string | null>;
};

/** Looks at what the engine cannot work without, every few seconds and whenever it is asked. */
export function createVitals({
  vitals,
  onRecovered,
  log,
}: {
  vitals: readonly Vital[];
  /** These are well again, and so is all. */
  onRecovered: (names: readonly string[]) => void;
  log: Log;
}) {
  let before = new Map<string, string>();
  const recovered = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const look = shareAnswer(
    async () => {
      const found = await Promise.all(
        vitals.map(async ({ name, code, look: lookAt }) => {
          const message = await Promise.resolve()
            .then(lookAt)
            .catch((error: unknown) => (error as Error).message);
          return message === null ? [] : [{ name, code, message }];
        }),
      );
      const troubles = found.flat();
      tell(new Map(troubles.map(({ name, message }) => [name, message])));
      return troubles;
    },
    { forMs: HOLDS_MS },
  );

  function tell(now: Map<string, string>): void {
    for (const [vital, why] of now) {
      const told = before.get(vital);
      // How much is left of it changes all the time.
      if (told?.replaceAll(/\d+/g, "") !== why.replaceAll(/\d+/g, "")) log.error({ vital }, why);
    }
    for (const vital of before.keys())
      if (!now.has(vital)) {
        recovered.add(vital);
        log.info({ vital }, "is well again");
      }
    before = now;
    if (recovered.size === 0 || now.size > 0) return;
    const names = [...recovered];
    recovered.clear();
    try {
      onRecovered(names);
    } catch (err) {
      log.error({ err }, "what waited could not be tried again");
    }
  }

  return {
    /** Throws what is wrong, all of it in `details`. */
    async check(): Promise<void> {
      const troubles = await look();
      const [first] = troubles;
      if (!first) return;
      throw new AppError(first.code, first.message, {
        details: troubles.map(({ name, message }) => ({ field: name, message })),
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    },

    open: () => void (timer = setInterval(() => void look(), LOOK_EVERY_MS).unref()),
    close: () => clearInterval(timer),
  };
}
