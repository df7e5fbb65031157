import { createDeadline } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import type { BrowserLife } from "./browser-life.ts";
import type { WhatsAppClient } from "./client.ts";
import { createLadder, type Cause, type Rung } from "./ladder.ts";

/** What is being mended, and what is known of it, for people. */
type Mending = { cause: Cause; detail: string };

/** Keeps a page of WhatsApp Web open: in the browser there is, or in another on the same profile. */
export type Mender = {
  /** Opens the first page, once `before` is done. Resolves when a QR or a login was found, or the start came to nothing. */
  start(before: () => Promise<void>): Promise<void>;
  client(): WhatsAppClient | undefined;
  /** Why there is no session at this moment, if it is being mended. */
  mending(): Mending | null;
  /** `atLeast`: another page is not enough. */
  trouble(cause: Cause, detail: string, atLeast?: "browser"): void;
  /** The page shows a code or a login: it need not be waited for any more. */
  answered(): void;
  /** The session is up. */
  back(): void;
  /** Hears of nothing any more, and mends nothing. */
  stop(): void;
  /** Ends the browser; resolves when nothing of it is left. */
  end(options: { hard: boolean }): Promise<void>;
};

type Deps = {
  /** How long a page may take to show a code or a login. */
  startTimeoutMs: number;
  createLife: (onTrouble: (cause: Cause, detail: string) => void) => BrowserLife;
  /** What is known of why a page does not come, to be put after a sentence. */
  whyLate: () => string;
  /** The cause by its name, where more is known of it than the browser tells. */
  nameOf: (cause: Cause) => Cause;
  /** Nothing is there that could send; it is going to be again. */
  onMend: (mend: Exclude<Rung, "give_up">) => void;
  onGiveUp: (mending: Mending) => void;
  log: Logger;
};

export const createMender = (deps: Deps): Mender => {
  const { startTimeoutMs, log } = deps;
  const ladder = createLadder();
  let mending: Mending | null = null;
  /** Only the newest attempt counts. */
  let attempt = 0;
  let stopped = false;

  const deadline = createDeadline(() => {
    const seconds = startTimeoutMs / 1000;
    trouble("start_timeout", `Neither a QR code nor a login within ${seconds} s${deps.whyLate()}.`);
  });
  const newLife = () => deps.createLife((cause, detail) => trouble(cause, detail));
  let life = newLife();

  const open = async (before: () => Promise<void>): Promise<void> => {
    const mine = ++attempt;
    const isNewest = () => !stopped && mine === attempt;
    try {
      await before();
      if (!isNewest()) return;
      deadline.start(startTimeoutMs);
      await life.openPage();
    } catch (cause) {
      if (!isNewest()) return;
      log.error({ err: cause }, "start failed");
      trouble("start_failed", cause instanceof Error ? cause.message : String(cause));
    }
  };

  const means: Record<Exclude<Rung, "give_up">, () => Promise<void>> = {
    page: () => life.closePage(),
    browser: async () => {
      const last = life;
      await last.end({ hard: false });
      if (!stopped) life = newLife();
    },
  };

  const trouble = (told: Cause, detail: string, atLeast?: "browser"): void => {
    if (stopped) return;
    const cause = deps.nameOf(told);
    const rung = ladder.next({ cause, browserRuns: life.runs(), ...(atLeast && { atLeast }) });
    log.warn({ cause, detail, mend: rung }, "the page is of no use");
    // What it began with says more than what failed about its mend.
    mending ??= { cause, detail };
    deadline.stop();
    life.mute();
    if (rung === "give_up") {
      stopped = true;
      return deps.onGiveUp(mending);
    }
    deps.onMend(rung);
    void open(means[rung]);
  };

  return {
    start: open,
    client: () => life.client(),
    mending: () => mending,
    trouble,
    answered: deadline.stop,
    back: () => {
      mending = null;
      ladder.back();
    },
    stop: () => {
      stopped = true;
      deadline.stop();
      life.mute();
    },
    // An attempt that is under way is not waited for: the library may hang in it for ever.
    end: (options) => life.end(options),
  };
};
