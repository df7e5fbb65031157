/**
 * Many callers, few calls: whoever asks while a call is under way gets the next one, shared with all others who
 * asked meanwhile. So an answer is never older than its question, however many sessions ask at once.
 */
export function shareNextCall<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  return () => {
    next ??= Promise.resolve(running).then(() => {
      const mine = call();
      next = undefined;
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      running = settled;
      return mine;
    });
    return next;
  };
}
