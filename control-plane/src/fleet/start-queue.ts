/**
 * Which sessions may start: a few at a time, as a browser that loads its page takes all of a processor. Of those that wait,
 * the one that was of use most recently is next.
 */
export type StartQueue = {
  /** Whether the session may start now; it has a place then until `release`. If not it waits for its turn. */
  take(sessionId: string): boolean;
  /** The session has started, or will not. */
  release(sessionId: string): void;
  /** Sessions that start or wait for it. */
  readonly length: number;
};

export function createStartQueue({
  limit,
  usedAt,
  onTurn,
}: {
  limit: number;
  /** When a session was last of use, in milliseconds since 1970. */
  usedAt: (sessionId: string) => number;
  /** It is the session's turn. If it has not taken its place when this resolves, the next one has it. Never rejects. */
  onTurn: (sessionId: string) => Promise<void>;
}): StartQueue {
  /** With a place; whose turn it is, and who has not taken it yet, comes with false. */
  const places = new Map<string, boolean>();
  const waiting = new Map<string, number>();

  function next(): void {
    if (places.size >= limit || waiting.size === 0) return;
    const [[sessionId]] = [...waiting].toSorted(([, one], [, other]) => other - one) as [[string, number]];
    waiting.delete(sessionId);
    places.set(sessionId, false);
    void onTurn(sessionId).finally(() => {
      if (places.get(sessionId) === false) release(sessionId);
    });
  }

  function release(sessionId: string): void {
    waiting.delete(sessionId);
    places.delete(sessionId);
    next();
  }

  return {
    take(sessionId) {
      const may = places.has(sessionId) || places.size < limit;
      if (may) {
        waiting.delete(sessionId);
        places.set(sessionId, true);
      } else if (!waiting.has(sessionId)) waiting.set(sessionId, usedAt(sessionId));
      return may;
    },
    release,
    get length() {
      return places.size + waiting.size;
    },
  };
}
