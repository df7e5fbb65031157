import type { CountryCode } from "libphonenumber-js/max";
import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import type { Db } from "@whatsapp-engine/db";
import { isPublicAddress } from "../lib/address-guard.ts";
import type { Clock } from "../lib/clock.ts";
import type { ClockCheck } from "../lib/clock-check.ts";
import { type AppendEvent, publicEventOf } from "../events/index.ts";
import type { Log } from "../lib/logger.ts";
import { createPeople, toRecipient } from "../people/index.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { SessionService } from "../sessions/index.ts";
import { createBulkPace } from "./bulks/pace.ts";
import { createBulkService } from "./bulks/service.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { LimitSettings } from "./limits.ts";
import { createMediaFetcher } from "./media/media-fetch.ts";
import { createMediaStore } from "./media/media-store.ts";
import { createPace, type PaceLimits } from "./pace.ts";
import type { MessageRow } from "./rows.ts";
import { createRepeats } from "./repeats.ts";
import { createRetention } from "./retention.ts";
import { createMessageService } from "./service.ts";
import { createMessageStore } from "./store.ts";
import { createSuppressions } from "./suppressions.ts";

/** Part of a caller's time that is kept for the runner's answer on its way back, and what it says of a message not settled. */
const ANSWER_MARGIN_MS = 3_000;
/** Older than this a file that is being written has been given up; a call for one ends long before. */
const DRAFT_MS = 60 * 60_000;

/** Puts the parts of this folder together. */
export function createMessages(deps: {
  db: Db;
  dataDir: string;
  live: LiveSessions;
  sessions: Pick<SessionService, "get" | "reachable" | "wake">;
  profileSince: (sessionId: string) => number;
  appendEvent: AppendEvent;
  onPageTrouble: (row: MessageRow, words: string) => boolean;
  settings: {
    sendTimeoutMs: number;
    maxQueued: number;
    expireAfterMs: number;
    /** How long the same request again of a caller who had no answer is the same message; 0: never. */
    repeatMs: number;
    /** Bulks that are accepted at once. */
    bulksAtOnce: number;
    /** Words by which somebody asks not to be written to any more. */
    stopWords: readonly string[];
    /** How long messages are kept that are at their end; 0: for ever. */
    retentionMs: number;
    mediaRetentionMs: number;
    media: { maxBytes: number; atOnce: number; fetchTimeoutMs: number; allowPrivate: boolean };
    pace: PaceLimits;
    defaultCountry: CountryCode;
    accountLimits: LimitSettings;
  };
  clock: Clock;
  clockCheck: ClockCheck;
  log: Log;
}) {
  const { db, dataDir, live, sessions, appendEvent, settings, clock, clockCheck, log } = deps;
  const { defaultCountry, sendTimeoutMs } = settings;
  const people = createPeople({ db, clock });
  const store = createMessageStore({
    db,
    clock,
    appendEvent,
    people,
    accountLimits: settings.accountLimits,
    onPageTrouble: deps.onPageTrouble,
    maxQueued: settings.maxQueued,
  });
  const media = createMediaStore({ dataDir, clock });
  const pace = createPace({ db, people, clock, defaults: settings.pace });
  const suppressions = createSuppressions({
    db,
    people,
    appendEvent,
    clock,
    stopWords: settings.stopWords,
    log,
  });
  const retention = createRetention({ db, clock, log, retentionMs: settings.retentionMs });
  const fetcher = createMediaFetcher({
    maxBytes: settings.media.maxBytes,
    atOnce: settings.media.atOnce,
    timeoutMs: settings.media.fetchTimeoutMs,
    permits: settings.media.allowPrivate ? () => true : isPublicAddress,
  });
  const repeats = createRepeats({ db, people, clock, log, windowMs: settings.repeatMs });
  // Of a short time half remains for the answer.
  const answerMarginMs = Math.min(ANSWER_MARGIN_MS, sendTimeoutMs / 2);
  const dispatcher = createDispatcher({
    store,
    media,
    live,
    pace,
    bulkPace: createBulkPace({ db, clock, enqueueNext: store.bulks.enqueueNext }),
    suppressed: suppressions.has,
    wakeSession: sessions.wake,
    profileSince: deps.profileSince,
    sendTimeoutMs: Math.round(sendTimeoutMs - answerMarginMs),
    clock,
    clockCheck,
    log,
  });
  const service = createMessageService({
    store,
    media,
    dispatcher,
    sessions,
    people,
    repeats,
    suppressed: suppressions.has,
    fetcher,
    maxMediaBytes: settings.media.maxBytes,
    sendTimeoutMs,
    expireAfterMs: settings.expireAfterMs,
    defaultCountry,
    clock,
    log,
  });
  const bulks = createBulkService({
    store,
    people,
    suppressed: suppressions.has,
    messages: service,
    dispatcher,
    live,
    sessions,
    defaultCountry,
    bulksAtOnce: settings.bulksAtOnce,
    clock,
    log,
  });

  /** WhatsApp tells with what comes in who it is from, by LID and number. */
  function learn(event: RunnerEvent): void {
    if (!("phoneNumber" in event) || event.phoneNumber === null) return;
    const from = ("author" in event && event.author) || event.from;
    people.learn(event.phoneNumber, from, "received");
  }

  /** A reaction names the message by our id where the session sent it. */
  const ofOwnMessage = (sessionId: string, event: RunnerEvent): RunnerEvent =>
    event.type === "message_reaction" && event.messageId !== null && !store.isOf(sessionId, event.messageId)
      ? { ...event, messageId: null }
      : event;

  return {
    service,
    /** What is there of messages, for what is done to them. */
    sent: { find: store.find, noteDone: store.noteDone },
    bulks,
    pace,
    suppressions,
    /** Callers who had no answer of the engine before this one have time again to ask. */
    resumeRepeats: repeats.resume,
    /** As the API writes it, as digits or chat id. Throws `invalid_phone_number`. */
    toRecipient: (text: string, field: string) => toRecipient(text, field, settings.defaultCountry),

    /** Takes over what a journal event means, inside the transaction that stores it. */
    onEvent(sessionId: string, asTold: RunnerEvent, at: string): void {
      const event = ofOwnMessage(sessionId, asTold);
      service.onEvent(sessionId, event, at);
      learn(event);
      if (event.type === "message_received") {
        suppressions.onReceived(sessionId, event);
        store.limits.onReceived(sessionId, [event.phoneNumber, event.chatId]);
      }
      const told = publicEventOf(event);
      if (told) deps.appendEvent(sessionId, told.type, told.data, Date.parse(at));
    },

    /** Finds out what became of messages without an outcome, and goes on with the session's queue. */
    settle: (sessionId: string) => dispatcher.settle(sessionId),

    /** What a build of WhatsApp Web did not take goes on, but for what sessions that are on one hold since `heldBefore` or later. */
    letGoOfBuilds(kept: ReadonlySet<string>, heldBefore: number): void {
      for (const sessionId of store.heldFor("whatsapp_build")) {
        const before = kept.has(sessionId) ? heldBefore : clock.now();
        if (store.letGo(sessionId, "whatsapp_build", before)) dispatcher.wake(sessionId);
      }
    },

    /** What waits in the session's queue may go sooner now. */
    wake: (sessionId: string): void => dispatcher.wake(sessionId),

    /** Nobody can tell any more what became of the session's messages that are under way. */
    giveUpSending(sessionId: string): void {
      for (const { id } of store.sendingOf(sessionId)) store.giveUp(id);
    },

    /** Nobody can tell any more what became of what waited, but for what is scheduled for later. Returns how many messages that are. */
    giveUpWaiting: () => store.giveUpWaiting(clock.now()),

    /** Within the transaction that forgets a session. */
    endSession(sessionId: string): void {
      store.endSession(sessionId);
      pace.forget(sessionId);
    },

    /** Each removes what is no longer kept, and answers how much. */
    cleanup: {
      messages: () => retention.removeOld(),
      media: () => media.removeOld(clock.now() - settings.mediaRetentionMs, store.needsMedia),
      files: () => media.removeDrafts(clock.now() - DRAFT_MS),
    },

    /** What WhatsApp keeps the session's account from. */
    limitOf: store.limits.of,

    open(): void {
      const unaccepted = store.bulks.removeUnaccepted();
      if (unaccepted > 0) log.info({ messages: unaccepted }, "removed what was left of bulks not accepted");
      store.limits.open();
      dispatcher.open();
    },

    /** Callers who wait have their answer; what is under way gets `timeoutMs` to have its own. */
    async close(timeoutMs: number): Promise<void> {
      await retention.close();
      service.release();
      await dispatcher.close(timeoutMs);
      await fetcher.close();
    },
  };
}
