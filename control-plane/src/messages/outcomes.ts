import { EventEmitter, once, setMaxListeners } from "node:events";
import type { Log } from "../logger.ts";
import type { MessageRow, MessageStore } from "./store.ts";

const isOpen = ({ status }: MessageRow) => status === "queued" || status === "sending";

/** Callers that wait for what becomes of a message. */
export function createOutcomes({ store, log }: { store: MessageStore; log: Log }) {
  const settled = new EventEmitter().setMaxListeners(0);
  // A message's id is a UUID of ours, never an event name that means something to an emitter.
  store.onSettled((row) => settled.emit(row.id, row));

  /** The row as it was, if the database fails: the message is accepted, and an error would have it sent again. */
  function read(before: MessageRow): MessageRow {
    try {
      return store.find(before.id) ?? before;
    } catch (err) {
      log.error({ messageId: before.id, err }, "a message's row could not be read");
      return before;
    }
  }

  const ending = new AbortController();
  setMaxListeners(0, ending.signal);

  return {
    /** Answers all who wait with what is known now. */
    release: (): void => ending.abort(),

    /** The message once it is settled, or as it stands after `timeoutMs`. */
    async of(row: MessageRow, timeoutMs: number): Promise<MessageRow> {
      const done = new AbortController();
      const timer = setTimeout(() => done.abort(), Math.max(0, timeoutMs));
      try {
        const signal = AbortSignal.any([done.signal, ending.signal]);
        const told = once(settled, row.id, { signal });
        told.catch(() => undefined);
        // Looked at after the listener stands: it may have been settled since it was read.
        const now = read(row);
        if (!isOpen(now)) return now;
        return await told.then(
          ([after]) => after as MessageRow,
          () => read(now),
        );
      } finally {
        clearTimeout(timer);
        done.abort();
      }
    },
  };
}
