import type { SessionReason } from "@whatsapp-engine/contract/api";

/** Why a page or its browser has to be mended. */
export type Cause = Extract<
  SessionReason,
  | "page_hung"
  | "page_crashed"
  | "browser_gone"
  | "out_of_memory"
  | "memory_high"
  | "profile_too_large"
  | "start_timeout"
  | "connect_timeout"
  | "start_failed"
>;

/** What is done about it, the mildest first; `give_up`: a new runner is needed. */
export type Rung = "page" | "browser" | "give_up";

type Trouble = {
  cause: Cause;
  /** Whether the browser still runs, so that a page can be opened in it. */
  browserRuns: boolean;
  /** Another page was tried before. */
  atLeast?: "browser";
};

/** Decides how a trouble is mended. One that comes before the session was back is the last mend's failure. */
export type Ladder = {
  next(trouble: Trouble): Rung;
  /** The page shows a code, or is connected: the last mend was enough. */
  back(): void;
};

/** A session that has to be mended more often than this is not mended by it. Our choice: one of three mends may be bad luck. */
const MAX_MENDS = 3;
const WITHIN_MS = 10 * 60_000;

export const createLadder = (now: () => number = Date.now): Ladder => {
  let begun: number[] = [];
  /** The last that was tried since the session was up. */
  let tried: Rung | null = null;

  const climb = ({ cause, browserRuns, atLeast }: Trouble): Rung => {
    if (tried === "browser") return "give_up";
    if (tried === "page") return "browser";
    if (cause === "start_failed") return "give_up"; // what hinders a browser from starting hinders the next one
    return browserRuns && cause !== "start_timeout" && atLeast === undefined ? "page" : "browser";
  };

  return {
    next: (trouble) => {
      begun = begun.filter((at) => now() - at < WITHIN_MS);
      // A session with much memory works; it has a pace of its own (`memory/soft-mark.ts`).
      const counts = tried === null && trouble.cause !== "memory_high";
      const rung = counts && begun.length >= MAX_MENDS ? "give_up" : climb(trouble);
      if (counts) begun.push(now());
      tried = rung;
      return rung;
    },
    back: () => (tried = null),
  };
};
