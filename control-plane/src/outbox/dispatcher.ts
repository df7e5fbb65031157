import type { SendCommand, SendRecord } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Clock } from "../lib/clock.ts";
import type { ClockCheck } from "../lib/clock-check.ts";
import type { Log } from "../lib/logger.ts";
import { canSend, type LiveSessions, type RunnerClient, RunnerUnavailable } from "../connection/index.ts";
import type { MediaStore } from "./media/media-store.ts";
import { otherFormOf } from "../people/index.ts";
import type { BulkPace } from "./bulks/pace.ts";
import type { Pace } from "./pace.ts";
import { isLimited, isNotConnected, isOfBefore, isPageTrouble, type MessageRow } from "./rows.ts";
import type { MessageStore } from "./store.ts";

/** Messages of one session under way at once, each to another chat. */
const MAX_UNDER_WAY = 16;
/** Pause before a runner that could not be reached is tried again. */
const RETRY_MS = 1_000;
/** Pause before a runner that answers, but not what became of a message, is asked about it again. */
const HELD_RETRY_MS = 5_000;
/** How often the queue is looked through for messages whose time has come, or is over. */
const TIMES_MS = 500;
/** While the clock is not right, a queue that begins with what may be too late is looked at so often. */
const CLOCK_MS = 5_000;
/** Messages looked at in one turn; the event loop gets its own before the next. */
const MAX_LOOKED_AT = 200;
/** A timer cannot wait longer; what is due later is looked at again then. */
const LONGEST_TIMER_MS = 60_000;
/** A runner's journal keeps a send for 7 days; what is younger than this it cannot have forgotten. */
const RUNNER_REMEMBERS_MS = 24 * 60 * 60_000;

type Lane = {
  chats: Set<string>;
  underWay: Set<string>;
  /** Chats with a message that the runner cannot be asked about: what comes after it waits, other chats do not. */
  held: ReadonlySet<string>;
  /** When the queue is looked at again. */
  timer: NodeJS.Timeout | undefined;
  /** When the runner is asked again about what is held. */
  asking: NodeJS.Timeout | undefined;
};

export type Dispatcher = ReturnType<typeof createDispatcher>;

/**
 * Takes messages out of the queue and hands them to their sessions' runners: first in, first out per chat, sessions
 * beside each other, each at its pace. A message leaves `sending` only for what is proven or told.
 */
export function createDispatcher(deps: {
  store: MessageStore;
  media: MediaStore;
  live: LiveSessions;
  pace: Pace;
  bulkPace: BulkPace;
  suppressed: (sessionId: string, recipient: string) => boolean;
  /** Messages wait for a session without a runner: it is started if it hibernates. */
  wakeSession: (sessionId: string) => void;
  /** Since when, in milliseconds since 1970, the session has its profile: what went out before, its journal need not know. */
  profileSince: (sessionId: string) => number;
  /** How long a runner is waited for before the message is left to its journal. */
  sendTimeoutMs: number;
  clock: Clock;
  clockCheck: Pick<ClockCheck, "isPlausible">;
  log: Log;
}) {
  const { store, live, pace, bulkPace, clock, log } = deps;
  const lanes = new Map<string, Lane>();
  const running = new Set<Promise<void>>();
  /** Runners that were asked about all that was under way: what goes back into the queue stands before the rest of it. */
  const caughtUp = new WeakSet<RunnerClient>();
  let open = false;

  function laneOf(sessionId: string): Lane {
    let lane = lanes.get(sessionId);
    if (!lane) {
      lane = { chats: new Set(), underWay: new Set(), held: new Set(), timer: undefined, asking: undefined };
      lanes.set(sessionId, lane);
    }
    return lane;
  }

  function connectedRunner(sessionId: string): RunnerClient | null {
    const runner = live.get(sessionId);
    return runner?.state && canSend(runner.state) ? runner.client : null;
  }

  function wakeAt(sessionId: string, lane: Lane, at: number): void {
    clearTimeout(lane.timer);
    const ms = Math.min(Math.max(0, at - clock.now()), LONGEST_TIMER_MS);
    lane.timer = setTimeout(() => wake(sessionId), ms).unref();
  }

  /**
   * Hands out what may go now. Called whenever that may have changed; calling it too often does no harm. Never throws: a
   * message that was just accepted must not be answered with an error.
   */
  function wake(sessionId: string): void {
    if (!open) return;
    try {
      handOut(sessionId);
    } catch (err) {
      log.error({ sessionId, err }, "messages could not be handed out; tried again soon");
      wakeAt(sessionId, laneOf(sessionId), clock.now() + RETRY_MS);
    }
  }

  function handOut(sessionId: string): void {
    if (!live.get(sessionId) && store.next(sessionId, [], 1).length > 0) deps.wakeSession(sessionId);
    const client = connectedRunner(sessionId);
    if (!client) return letGo(sessionId);
    if (!caughtUp.has(client)) return;
    const lane = laneOf(sessionId);
    let looked = 0;
    for (;;) {
      const free = MAX_UNDER_WAY - lane.underWay.size;
      if (free === 0) break;
      const rows = store.next(sessionId, [...lane.chats, ...lane.held], free);
      for (const row of rows) {
        const now = clock.now();
        const ready = pace.readyAt(sessionId);
        if (ready > now) return wakeAt(sessionId, lane, ready);
        if (looked++ === MAX_LOOKED_AT) return wakeAt(sessionId, lane, now);
        // By a clock that is not right nothing is ended, and nothing is sent that may be too late.
        if (isLate(row, now) && !deps.clockCheck.isPlausible())
          return wakeAt(sessionId, lane, now + CLOCK_MS);
        if (!lane.chats.has(row.recipient) && mayGo(row, now)) handTo(client, lane, row, now);
      }
      if (rows.length < free) break; // the queue has no more
    }
    if (lane.underWay.size === 0 && lane.held.size === 0) {
      clearTimeout(lane.timer);
      lanes.delete(sessionId);
    }
  }

  const isLate = ({ expiresAt }: MessageRow, now: number): boolean => expiresAt !== null && expiresAt <= now;

  /** Whether a message whose turn it is goes out; what does not is out of the queue then. */
  function mayGo(row: MessageRow, now: number): boolean {
    const { id, sessionId, recipient, bulkId } = row;
    const recipientReady = pace.recipientReadyAt(sessionId, recipient);
    const bulkReady = bulkId === null ? 0 : bulkPace.readyAt(bulkId);
    if (bulkReady > now) {
      // Several of one bulk may be let go at once by what held them.
      if (!store.limits.postpone(row, bulkReady)) store.bulks.takeOut(id);
    } else if (recipientReady > now) {
      if (!store.limits.postpone(row, recipientReady)) store.defer(id, recipientReady);
    } else if (isLate(row, now)) store.expire(now);
    else if (deps.suppressed(sessionId, recipient))
      store.fail(id, "recipient_suppressed", "The recipient must not be written to.");
    else return true;
    return false;
  }

  function handTo(client: RunnerClient, lane: Lane, row: MessageRow, now: number): void {
    const { sessionId, id, recipient } = row;
    lane.chats.add(recipient);
    lane.underWay.add(id);
    pace.handed(sessionId, recipient, now);
    if (row.bulkId !== null) feedAt(bulkPace.handed(row.bulkId, now));
    const sending = send(client, row, now)
      .catch((err: unknown) => {
        log.error({ sessionId, messageId: id, err }, "a message could not be handed over");
        return "later" as const;
      })
      .then((then) => {
        running.delete(sending);
        lane.chats.delete(recipient);
        lane.underWay.delete(id);
        if (then === "next") return wake(sessionId);
        settleLater(sessionId);
      });
    running.add(sending);
  }

  /** Without a runner nothing is handed out, and the next one is asked about all before it is: a session may be gone for good. */
  function letGo(sessionId: string): void {
    const lane = lanes.get(sessionId);
    if (!lane || lane.underWay.size > 0 || live.get(sessionId)) return;
    clearTimeout(lane.timer);
    clearTimeout(lane.asking);
    lanes.delete(sessionId);
  }

  function requeue(row: MessageRow): void {
    store.requeue(row);
    pace.reread(row.sessionId);
  }

  /** The runner is left alone for a moment, then asked what it knows, and tried again. */
  function settleLater(sessionId: string): void {
    const lane = laneOf(sessionId);
    const client = live.get(sessionId)?.client;
    if (client) caughtUp.delete(client);
    clearTimeout(lane.timer);
    lane.timer = settleIn(sessionId, RETRY_MS);
  }

  function settleIn(sessionId: string, ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      settle(sessionId).catch((err: unknown) => {
        log.error({ sessionId, err }, "what is under way could not be looked through; tried again soon");
        settleLater(sessionId);
      });
    }, ms).unref();
  }

  /** These chats wait until the runner, asked again, can tell of what went before. */
  function hold(sessionId: string, held: ReadonlySet<string>): void {
    if (held.size === 0 && !lanes.has(sessionId)) return;
    const lane = laneOf(sessionId);
    lane.held = held;
    clearTimeout(lane.asking);
    if (held.size > 0) lane.asking = settleIn(sessionId, HELD_RETRY_MS);
  }

  async function settle(sessionId: string): Promise<void> {
    if (!open) return;
    const runner = live.get(sessionId);
    if (!runner) return letGo(sessionId);
    // Until it has told its state, its journal may turn out to be another one than that of before.
    if (!runner.state) return;
    const { client } = runner;
    const held = new Set<string>();
    let silent = false;
    for (const row of store.sendingOf(sessionId)) {
      if (lanes.get(sessionId)?.underWay.has(row.id)) continue;
      await settleOne(client, row).catch((err: unknown) => {
        log.warn({ sessionId, messageId: row.id, err }, "a message could not be asked about");
        if (err instanceof RunnerUnavailable && err.answered) held.add(row.recipient);
        else silent = true;
      });
    }
    if (silent) return settleLater(sessionId);
    hold(sessionId, held);
    caughtUp.add(client);
    wake(sessionId);
  }

  /** Returns whether the next one can be tried at once, or only later. */
  async function send(client: RunnerClient, row: MessageRow, now: number): Promise<"next" | "later"> {
    let media: SendCommand["media"] = null;
    if (row.mediaSha256 !== null) {
      const bytes = await deps.media.read(row.mediaSha256);
      if (bytes === null) {
        store.fail(row.id, "media_missing", "The media is not in the data folder any more.");
        pace.reread(row.sessionId);
        return "next";
      }
      media = {
        bytes,
        mimetype: row.mediaMimetype ?? "application/octet-stream",
        filename: row.mediaFilename,
      };
    }
    if (!(await store.handOver(row.id, now))) {
      pace.reread(row.sessionId);
      return "next";
    }
    const limit = store.limits.newChatsRefused(row.sessionId, row.id);
    const otherForm = otherFormOf(row.recipient);
    const attempt = row.attempts + 1;
    return transmit(
      client,
      { ...row, attempts: attempt, handedAt: now },
      {
        messageId: row.id,
        attempt,
        to: row.recipient,
        type: row.type,
        text: row.body,
        content: row.content,
        media,
        timeoutMs: deps.sendTimeoutMs,
        ...(limit !== null && { newChatsRefused: limit }),
        ...(otherForm !== null && { otherForm }),
      },
    );
  }

  async function transmit(
    client: RunnerClient,
    row: MessageRow,
    command: SendCommand,
  ): Promise<"next" | "later"> {
    const { messageId } = command;
    try {
      passStep("message.before_call", { messageId });
      const record = await client.send(command);
      passStep("message.answered", { messageId });
      const then = await take(row, record);
      passStep("message.settled", { messageId });
      return then;
    } catch (err) {
      log.warn({ sessionId: row.sessionId, messageId: row.id, err }, "a send's answer was lost");
      if (err instanceof RunnerUnavailable && err.neverArrived) requeue(row);
      else await settleOne(client, row).catch(() => undefined); // asked again soon, and by whoever is connected next
      return "later";
    }
  }

  async function take(row: MessageRow, record: SendRecord): Promise<"next" | "later"> {
    if (isNotConnected(record)) {
      requeue(row);
      return "later";
    }
    await store.settle(record);
    if (isLimited(record) || isPageTrouble(record)) pace.reread(row.sessionId);
    return "next";
  }

  /**
   * Asks the runner what became of a message. One that its profile never heard of was not sent, and cannot be any more
   * but once: whoever hands it over again does so under the same id. Throws where the runner does not answer.
   */
  async function settleOne(client: RunnerClient, row: MessageRow): Promise<void> {
    const found = await client.findSend(row.id);
    // Of an attempt before this one, it says nothing of this one: the runner never heard of that.
    const record = found && isOfBefore(found, row) ? undefined : found;
    const handedAt = row.handedAt ?? row.createdAt;
    // A login that was restored since has a journal of before.
    const mayBeForgotten =
      clock.now() - handedAt > RUNNER_REMEMBERS_MS || handedAt < deps.profileSince(row.sessionId);
    if (record && !(mayBeForgotten && (isNotConnected(record) || isLimited(record)))) await take(row, record);
    else if (mayBeForgotten) store.giveUp(row.id);
    else requeue(row);
  }

  /** Brings into the queue what bulks with a pace of their own may send now. Never throws, as `wake` does not; it is tried again soon. */
  function feedBulks(): void {
    try {
      const { sessionIds, again } = bulkPace.feed();
      for (const sessionId of sessionIds) wake(sessionId);
      feedAt(again);
    } catch (err) {
      log.error({ err }, "bulks with a pace of their own could not be looked through; tried again soon");
    }
  }

  let feeding: { at: number; timer: NodeJS.Timeout } | undefined;
  function feedAt(at: number | null): void {
    if (at === null || !open || (feeding && feeding.at <= at)) return;
    clearTimeout(feeding?.timer);
    const ms = Math.min(Math.max(0, at - clock.now()), LONGEST_TIMER_MS);
    const timer = setTimeout(() => {
      feeding = undefined;
      lookAtTimes();
    }, ms).unref();
    feeding = { at, timer };
  }

  function lookAtTimes(): void {
    try {
      const now = clock.now();
      store.bulks.removeLeft();
      if (deps.clockCheck.isPlausible()) store.expire(now);
      for (const sessionId of [...store.promote(now), ...store.limits.tryAgain()]) wake(sessionId);
      feedBulks();
    } catch (err) {
      log.error({ err }, "the queue could not be looked through");
    }
  }
  const times = setInterval(lookAtTimes, TIMES_MS).unref();

  return {
    wake,
    feedBulks,

    /** From now on messages are handed out; the first are when their sessions are connected. */
    open(): void {
      open = true;
    },

    /**
     * Finds out what became of messages that are `sending` while nobody waits for them (after a restart, or a lost
     * answer), then goes on with the queue.
     */
    settle,

    /** Hands out nothing more, and resolves when what is under way has its answer, or after `timeoutMs`. */
    async close(timeoutMs: number): Promise<void> {
      open = false;
      clearInterval(times);
      clearTimeout(feeding?.timer);
      for (const { timer, asking } of lanes.values()) for (const each of [timer, asking]) clearTimeout(each);
      const late = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
      await Promise.race([Promise.all(running), late]);
    },
  };
}
