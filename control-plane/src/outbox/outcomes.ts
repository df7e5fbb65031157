import type { Log } from "../lib/logger.ts";
import type { MessageRow } from "./rows.ts";
import type { MessageStore } from "./store.ts";

/** Nothing is to be waited for where a limit of the account keeps it back, for hours. */
const isOpen = ({ status, waitsFor }: MessageRow) =>
  (status === "queued" && waitsFor === null) || status === "sending";

/** Callers that wait for what becomes of a message. */
export function createOutcomes({ store, log }: { store: MessageStore; log: Log }) {
  /** By message. A plain function each, as every send waits: emitters and abort signals cost a tenth of its time. */
  const waiting = new Map<string, Set<(settled: MessageRow | null) => void>>();
  let released = false;

  store.onSettled((row) => waiting.get(row.id)?.forEach((answer) => answer(row)));

  /** The row as it was, if the database fails: the message is accepted, and an error would have it sent again. */
  function read(before: MessageRow): MessageRow {
    try {
      return store.find(before.id) ?? before;
    } catch (err) {
      log.error({ messageId: before.id, err }, "a message's row could not be read");
      return before;
    }
  }

  return {
    /** Answers all who wait with what is known now. */
    release(): void {
      released = true;
      for (const answers of waiting.values()) for (const answer of answers) answer(null);
    },

    /** The message once it is settled, or as it stands after `timeoutMs`. */
    of(row: MessageRow, timeoutMs: number): Promise<MessageRow> {
      // Nothing else runs between this look and the listener below.
      const now = read(row);
      if (!isOpen(now) || released) return Promise.resolve(now);
      return new Promise((resolve) => {
        const answers = waiting.get(row.id) ?? new Set();
        waiting.set(row.id, answers);
        const answer = (settled: MessageRow | null) => {
          clearTimeout(timer);
          answers.delete(answer);
          if (answers.size === 0) waiting.delete(row.id);
          resolve(settled ?? read(now));
        };
        answers.add(answer);
        const timer = setTimeout(() => answer(null), Math.max(0, timeoutMs));
      });
    },
  };
}
