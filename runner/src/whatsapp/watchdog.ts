import type { PageHealth } from "./client.ts";

/** How often the page is asked, and how long it gets to answer. Two silences in a row, and it hangs. */
const ASK_EVERY_MS = 30_000;
const ANSWER_MS = 10_000;

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
  let timer: NodeJS.Timeout;
  const ask = async (): Promise<void> => {
    silences = (await health(answerMs)) === "silent" ? silences + 1 : 0;
    if (silences < 2) schedule();
    else onHung();
  };
  const schedule = () => {
    timer = setTimeout(() => void ask(), everyMs);
  };
  schedule();
  return () => {
    silences = Number.NEGATIVE_INFINITY;
    clearTimeout(timer);
  };
};
