import type { PageHealth } from "./client.ts";

/**
 * How often the page is asked, and how long it gets to answer. Two silences in a row, and it hangs: noticed after 30 to
 * 50 s. Our choice: WhatsApp Web on a slow machine may be busy with a history for some seconds.
 */
const ASK_EVERY_MS = 20_000;
const ANSWER_MS = 15_000;

type Deps = {
  health: (timeoutMs: number) => Promise<PageHealth>;
  onHung: () => void;
  everyMs?: number;
  answerMs?: number;
};

/** Asks the page from time to time whether it still runs scripts. Returns the way to stop that. */
export const watchPage = ({
  health,
  onHung,
  everyMs = ASK_EVERY_MS,
  answerMs = ANSWER_MS,
}: Deps): (() => void) => {
  let silences = 0;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const ask = async (): Promise<void> => {
    const answer = await health(answerMs);
    if (stopped) return;
    silences = answer === "silent" ? silences + 1 : 0;
    if (silences >= 2) onHung();
    else schedule(silences === 0 ? everyMs : 0);
  };
  const schedule = (afterMs: number): void => {
    timer = setTimeout(() => void ask(), afterMs);
  };
  schedule(everyMs);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
};
