/**
 * Many callers, few calls: whoever asks while a call is under way, or within `forMs` of its start, gets its answer; a failure too.
 * `now`: milliseconds of a clock that only goes forward.
 */
export function shareAnswer<T>(
  call: () => Promise<T>,
  { forMs, now = () => performance.now() }: { forMs: number; now?: () => number },
): () => Promise<T> {
  let last: { answer: Promise<T>; at: number; isUnderWay: boolean } | undefined;

  return () => {
    if (last && (last.isUnderWay || now() - last.at < forMs)) return last.answer;
    const answer = call();
    const mine = { answer, at: now(), isUnderWay: true };
    last = mine;
    const ended = () => void (mine.isUnderWay = false);
    answer.then(ended, ended);
    return answer;
  };
}
