import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { AppError, type Event, type EventPage, type EventType } from "@whatsapp-engine/contract/api";
import { createTurns } from "../lib/turns.ts";
import { toEvent, type EventStore } from "./store.ts";

/** Rows read at once for a reader who takes all it can get. */
const BATCH = 200;
/** So many readers have each event at once. More are served a fiftieth of the time: all at once would keep everybody else waiting. */
const FEW_READERS = 10;
const SHARE = 1 / 50;
const MOST_PAUSE_MS = 1_000;

/** Looks that are kept for others: of readers of single sessions there may be many. */
const MOST_SEEN = 50;

type Looked = { events: Event[]; position: number; more: boolean };

export type EventFilter = { sessionId?: string | undefined; types?: readonly EventType[] | undefined };

export type EventFeed = {
  /** Aborted when the engine stops: no more streams. */
  readonly stopping: AbortSignal;
  /** A page of what is kept. Throws `session_not_found`. */
  page(filter: EventFilter, query: { after?: number | undefined; limit: number }): Promise<EventPage>;
  /** Where a stream begins: from now on, or after the event with that id. Throws `session_not_found`. */
  begin(filter: EventFilter, after: number | undefined): { from: number; missed: boolean };
  /**
   * Everything after an event's id, for ever: batches of events as they are asked for, and an empty one when nothing
   * came for `idleMs`. `position`: up to where was looked. Ends with `signal`.
   */
  follow(
    filter: EventFilter,
    from: number,
    options: { idleMs: number; signal: AbortSignal },
  ): AsyncGenerator<{ events: Event[]; position: number }>;
  /** Ends all streams. */
  close(): void;
};

/** What happened, page by page or as it happens, read from the database at each reader's own speed. */
export function createEventFeed({ store }: { store: EventStore }): EventFeed {
  const stopping = new AbortController();
  const waiting = new Set<() => void>();
  /** What one reader saw behind an event, for all that come to the same point before anything is added. */
  const seen = new Map<string, Looked>();
  let isWaking = false;
  let isMore = false;

  async function wakeAll(): Promise<void> {
    isMore = true;
    if (isWaking) return;
    isWaking = true;
    while (isMore && !stopping.signal.aborted) {
      isMore = false;
      const startedAt = performance.now();
      const giveWay = createTurns();
      const readers = [...waiting];
      for (const wake of readers) {
        wake();
        await giveWay();
      }
      if (readers.length <= FEW_READERS) continue;
      const pauseMs = Math.min((performance.now() - startedAt) / SHARE, MOST_PAUSE_MS);
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
    isWaking = false;
  }
  const unsubscribe = store.onStored(() => {
    seen.clear();
    void wakeAll();
  });

  /** Where to read from, and whether what follows can be everything. */
  function locate(after: number): { from: number; missed: boolean } {
    // An id that was never given: the reader's point is of a database that is gone.
    if (after > store.newestId()) return { from: 0, missed: true };
    return { from: after, missed: after > 0 && after < store.removedTo() };
  }

  /** The events of one bounded look into the database, and up to where it went. */
  function look({ sessionId, types }: EventFilter, after: number, limit = BATCH): Looked {
    const rows = store.page({ after, limit, sessionId });
    const events = rows.filter(({ type }) => types === undefined || types.includes(type)).map(toEvent);
    return { events, position: rows.at(-1)?.id ?? after, more: rows.length === limit };
  }

  function lookOnce(filter: EventFilter, after: number): Looked {
    const key = JSON.stringify([filter.sessionId, filter.types, after]);
    const found = seen.get(key) ?? look(filter, after);
    // Who reads what was before is alone there.
    if (!found.more && seen.size < MOST_SEEN) seen.set(key, found);
    return found;
  }

  function changeOr(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }

  function requireSession(sessionId: string | undefined): void {
    if (sessionId === undefined || store.has(sessionId)) return;
    throw new AppError(
      "session_not_found",
      `Session not found: there is none with the id '${sessionId}', and there was none.`,
    );
  }

  return {
    stopping: stopping.signal,

    async page(filter, { after = 0, limit }) {
      requireSession(filter.sessionId);
      const { from, missed } = locate(after);
      const events: Event[] = [];
      let position = from;
      for (;;) {
        // One more than asked for tells whether there is a next page.
        const found = look(filter, position, Math.max(BATCH, limit + 1));
        const free = limit - events.length;
        events.push(...found.events.slice(0, free));
        if (found.events.length > free) {
          position = events.at(-1)?.id ?? position;
          return { events, nextCursor: position, position, missed };
        }
        position = found.position;
        if (!found.more) return { events, nextCursor: null, position, missed };
        await nextTurn();
      }
    },

    begin({ sessionId }, after) {
      requireSession(sessionId);
      return after === undefined ? { from: store.newestId(), missed: false } : locate(after);
    },

    async *follow(filter, from, { idleMs, signal }) {
      let position = from;
      let quietSince = performance.now();
      while (!signal.aborted) {
        const found = lookOnce(filter, position);
        position = found.position;
        const idle = performance.now() - quietSince >= idleMs;
        if (found.events.length > 0 || idle) {
          yield { events: found.events, position };
          quietSince = performance.now();
        } else if (found.more) await nextTurn();
        else await changeOr(idleMs - (performance.now() - quietSince), signal);
      }
    },

    close() {
      unsubscribe();
      stopping.abort();
    },
  };
}
