import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import { noLog, openAppendLog } from "./append-log.ts";
import { createSeen } from "./inbound.ts";
import {
  defaultRetention,
  readLine,
  type EventEntry,
  type JournaledSend,
  type JournalEntry,
  type Retention,
  type SendEntry,
} from "./journal-entries.ts";

/**
 * What this profile's sends became and what happened, kept as NDJSON in the profile so that it survives either
 * side's kill -9. Memory holds what is kept; the file holds it too, and is written anew when most of it is old.
 */
export type Journal = {
  /** Number of the newest event that is on the disk, or of what was written after it before the journal was opened. */
  readonly lastSeq: number;
  /** Whether this, or the same by another id of the chat, was journaled before. */
  hasSeen(event: RunnerEvent): boolean;
  /** Time of the newest message that came in, in Unix seconds; 0: none did yet. */
  newestMessageAt(): number;
  /**
   * Resolves when the event is on the disk, and only then is it seen by others. Rejects where the disk does not take it now: it is
   * kept in memory, and seen as soon as the disk has it.
   */
  addEvent(event: RunnerEvent): Promise<void>;
  /** Keeps a send's state that the page would tell again after a loss of power; other than that it is kept for good. */
  noteSend(send: JournaledSend): Promise<void>;
  /** Keeps a send in memory alone: after a crash it was never heard of. */
  rememberSend(send: JournaledSend): void;
  /** Resolves when the send's present state is on the disk. `send()` answers it at once. */
  putSend(send: JournaledSend): Promise<void>;
  /** Events on the disk with a number above `seq`, oldest first. */
  eventsAfter(seq: number): EventEntry[];
  send(messageId: string): JournaledSend | undefined;
  sends(): JournaledSend[];
  /** Calls back whenever `lastSeq` grew; returns the way to stop that. */
  onEvent(listener: () => void): () => void;
  /** Why the disk takes nothing now; null: it does. */
  readonly trouble: string | null;
  /** Calls back when a trouble begins and when it is over. */
  onTrouble(listener: () => void): void;
  close(): Promise<void>;
};

/**
 * `path` is null for a runner that may not touch its profile: then there is nothing, and nothing is kept. `keepAside` hears of
 * each line that cannot be read.
 */
type Deps = {
  path: string | null;
  /** Throws where the profile is a newer runner's by now: the file is not replaced any more. */
  confirm?: () => Promise<void>;
  keepAside?: (why: string, line: string) => void;
  now?: () => number;
  retention?: Retention;
};

/** Bytes below which rewriting the file is not worth it. */
const SMALL_FILE = 1024 * 1024;
/** How often a disk that took nothing is tried again. */
const MEND_EVERY_MS = 1_000;

export const openJournal = async (deps: Deps): Promise<Journal> => {
  const { path, keepAside = () => undefined, now = Date.now, retention = defaultRetention } = deps;
  const { log, lines } = path === null ? { log: noLog, lines: [] } : await openAppendLog(path, deps.confirm);

  let events: { entry: EventEntry; bytes: number }[] = [];
  const sends = new Map<string, SendEntry>();
  const seen = createSeen(now);
  let newest = 0;
  let eventBytes = 0;
  /** The newest entry on the disk, and of those the newest that others may see. */
  let onDisk = 0;
  let lastSeq = 0;
  /** The newest that the disk did not take at once. */
  let rejected = 0;
  let trouble: string | null = null;
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  const troubleListeners: (() => void)[] = [];

  const remember = (entry: JournalEntry, bytes: number): void => {
    newest = Math.max(newest, entry.seq);
    if (entry.kind === "event") {
      events.push({ entry, bytes });
      eventBytes += bytes;
      seen.add(entry.event);
    } else if (entry.kind === "send") {
      sends.delete(entry.send.messageId); // so that the map stays ordered by age
      sends.set(entry.send.messageId, entry);
    } else if (entry.kind === "seen") {
      seen.restore(entry);
    }
  };

  const forgetOld = (): void => {
    const oldest = new Date(now() - retention.maxAgeMs).toISOString();
    let drop = Math.max(0, events.length - retention.maxEvents);
    let bytes = eventBytes;
    for (const [index, old] of events.entries()) {
      if (index >= drop && bytes <= retention.maxEventBytes && old.entry.at >= oldest) break;
      bytes -= old.bytes;
      drop = Math.max(drop, index + 1);
    }
    events = events.slice(drop);
    eventBytes = bytes;
    let surplus = sends.size - retention.maxSends;
    for (const [messageId, { at, send }] of sends) {
      if (surplus <= 0 && at >= oldest) break;
      if (send.outcome === "pending") continue;
      sends.delete(messageId);
      surplus -= 1;
    }
  };

  const keptLines = (): string[] => {
    forgetOld();
    const kept: JournalEntry[] = [...events.map(({ entry }) => entry), ...sends.values()];
    const last = { seq: newest, at: new Date(now()).toISOString() };
    const ends: JournalEntry[] = [
      { ...last, kind: "seen", ...seen.kept() },
      { ...last, kind: "start" },
    ];
    return [...kept.toSorted((a, b) => a.seq - b.seq), ...ends].map((entry) => JSON.stringify(entry));
  };

  /** Has others see what is on the disk. What failed stands before it, and is not there yet, while there is a trouble. */
  const show = (seq: number): void => {
    onDisk = Math.max(onDisk, seq);
    if (trouble !== null || onDisk === lastSeq) return;
    lastSeq = onDisk;
    for (const listener of listeners) listener();
  };

  let rewriteAt = 0;
  const rewrite = async (): Promise<void> => {
    rewriteAt = Number.POSITIVE_INFINITY;
    try {
      await log.rewrite(keptLines);
    } finally {
      rewriteAt = Math.max(SMALL_FILE, log.size * 2);
    }
  };

  const setTrouble = (why: string | null): void => {
    trouble = why;
    for (const listener of troubleListeners) listener();
  };
  const catchUp = () => (log.mustRewrite ? rewrite() : log.retry());

  /** The disk did not take something that memory has: it is tried again until it does. */
  const mend = (cause: unknown): void => {
    if (trouble !== null || closing.signal.aborted) return;
    setTrouble(reasonOf(cause));
    const again = (): void => {
      // Other runners may share the disk: not all at the same moment.
      const timer = setTimeout(() => catchUp().then(over, failed), MEND_EVERY_MS * (1 + Math.random()));
      timer.unref();
      closing.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    };
    const over = (): void => {
      setTrouble(null);
      show(rejected);
    };
    const failed = (later: unknown): void => {
      trouble = reasonOf(later);
      if (!closing.signal.aborted) again();
    };
    again();
  };

  const append = async (entry: JournalEntry, write = log.append): Promise<void> => {
    const line = JSON.stringify(entry);
    remember(entry, line.length);
    try {
      await write(line);
    } catch (cause) {
      rejected = entry.seq;
      if (log.isBehind) mend(cause);
      throw cause;
    }
    // What was asked for is on the disk; a rewrite that fails is tried again when the file has doubled.
    if (log.size > rewriteAt) rewrite().catch((cause: unknown) => log.isBehind && mend(cause));
  };
  const head = () => ({ seq: newest + 1, at: new Date(now()).toISOString() });

  for (const line of lines) {
    const { entry, why, seq, send } = readLine(line);
    if (entry !== null) {
      if (seq > newest || entry.kind === "seen" || entry.kind === "start") remember(entry, line.length);
      continue;
    }
    // What a power loss left of the last batch, or the line of another build of the runner.
    keepAside(why, line);
    const isNew = seq > newest;
    newest = Math.max(newest, seq);
    // What is known of a message that was handed over is looked up in the page; what is not must not be sent again.
    // That an earlier attempt did not go out proves nothing of this one.
    const kept = send === null ? undefined : sends.get(send.messageId)?.send;
    if (isNew && send !== null && ((kept?.key ?? null) === null || kept?.outcome === "not_sent"))
      remember({ seq, at: new Date(now()).toISOString(), kind: "send", send }, line.length);
  }
  // Not the newest event's: that may be forgotten by now.
  onDisk = newest;
  lastSeq = newest;
  await rewrite();

  return {
    get lastSeq() {
      return lastSeq;
    },
    addEvent: async (event) => {
      const entry: EventEntry = { ...head(), kind: "event", event };
      passStep("event.before_journaled", { type: event.type });
      await append(entry);
      passStep("event.journaled", { type: event.type });
      show(entry.seq);
    },
    rememberSend: (send) => remember({ ...head(), kind: "send", send }, 0),
    putSend: (send) => append({ ...head(), kind: "send", send }),
    noteSend: (send) => append({ ...head(), kind: "send", send }, log.appendWithoutSync),
    hasSeen: seen.has,
    newestMessageAt: seen.newest,
    eventsAfter: (seq) => {
      const known = events.findLastIndex(({ entry }) => entry.seq <= seq);
      return events.slice(known + 1).flatMap(({ entry }) => (entry.seq <= lastSeq ? [entry] : []));
    },
    send: (messageId) => sends.get(messageId)?.send,
    sends: () => [...sends.values()].map(({ send }) => send),
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get trouble() {
      return trouble;
    },
    onTrouble: (listener) => void troubleListeners.push(listener),
    close: async () => {
      closing.abort();
      // There may be room again since it was tried last.
      if (log.isBehind) await catchUp().catch(() => undefined);
      await log.close();
    },
  };
};

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
