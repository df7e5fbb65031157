import { and, asc, desc, eq, gt, lte } from "drizzle-orm";
import type { OwnPace, PaceLimits } from "@whatsapp-engine/contract/api";
import { messages, paces, type Db } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import { type People, sameForm } from "../people/index.ts";
import {
  createRecipientTimes,
  createSessionTimes,
  DAY_MS,
  tellingTimes,
  type RecipientTimes,
  type SessionTimes,
} from "./pace-times.ts";

/** 0: no limit. `burst` is at least 1 and counts only with `perMinute`. */
export type { PaceLimits };
/** What is left out stays. */
export type PaceChange = { [Name in keyof OwnPace]?: OwnPace[Name] | undefined };
export type Pace = ReturnType<typeof createPace>;

type Known = {
  limits: PaceLimits;
  session: SessionTimes | undefined;
  recipients: RecipientTimes | undefined;
};

const NONE_OWN: OwnPace = {
  perMinute: null,
  burst: null,
  pauseMs: null,
  perDay: null,
  recipientPauseMs: null,
  recipientPerDay: null,
};

/**
 * Says when a session's next message may go out. It follows from `messages.handed_at` alone, read at a session's first
 * use, so that a restart changes nothing.
 *
 * Of the kept libraries none fits: bottleneck, limiter and p-throttle forget at a restart; rate-limiter-flexible keeps
 * rows of its own, in fixed windows, and answers whether, not when.
 */
export function createPace({
  db,
  people,
  clock,
  defaults,
}: {
  db: Db;
  people: Pick<People, "formsOf">;
  clock: Clock;
  defaults: PaceLimits;
}) {
  /** Limits that are a session's own; read again after each change of one. */
  let own: Map<string, OwnPace> | undefined;
  const known = new Map<string, Known>();

  function ownLimits(sessionId: string): OwnPace {
    own ??= new Map(
      db
        .select()
        .from(paces)
        .all()
        .map(({ sessionId: id, ...limits }) => [id, limits]),
    );
    return own.get(sessionId) ?? NONE_OWN;
  }

  function of(sessionId: string): Known {
    const found = known.get(sessionId);
    if (found) return found;
    const { perMinute, burst, pauseMs, perDay, recipientPauseMs, recipientPerDay } = ownLimits(sessionId);
    const limits = {
      perMinute: perMinute ?? defaults.perMinute,
      burst: Math.max(1, burst ?? defaults.burst),
      pauseMs: pauseMs ?? defaults.pauseMs,
      perDay: perDay ?? defaults.perDay,
      recipientPauseMs: recipientPauseMs ?? defaults.recipientPauseMs,
      recipientPerDay: recipientPerDay ?? defaults.recipientPerDay,
    };
    const made: Known = { limits, session: undefined, recipients: undefined };
    known.set(sessionId, made);
    return made;
  }

  // A clock that was set back leaves hand-overs in the future: they count as now. What lies more than a day ahead comes
  // of a clock that was wrong altogether, and would hold the session up after every restart until then.
  const handedUntil = (sessionId: string, until: number) =>
    and(eq(messages.sessionId, sessionId), lte(messages.handedAt, until));

  function readSession(sessionId: string, limits: PaceLimits, now: number): SessionTimes {
    const wanted = tellingTimes(limits);
    const rows = db
      .select({ at: messages.handedAt })
      .from(messages)
      .where(handedUntil(sessionId, now + DAY_MS))
      .orderBy(desc(messages.handedAt))
      .limit(wanted)
      .all();
    const times = createSessionTimes(limits, rows.length < wanted);
    for (const { at } of rows.toReversed()) times.handed(Math.min(at ?? 0, now));
    return times;
  }

  function readRecipients(sessionId: string, limits: PaceLimits, now: number): RecipientTimes {
    const times = createRecipientTimes(limits);
    const rows = db
      .select({ recipient: messages.recipient, at: messages.handedAt })
      .from(messages)
      .where(and(handedUntil(sessionId, now + DAY_MS), gt(messages.handedAt, now - times.keepMs)))
      .orderBy(asc(messages.handedAt))
      .all();
    for (const { recipient, at } of rows) times.handed(sameForm(recipient), Math.min(at ?? 0, now));
    return times;
  }

  return {
    limitsOf: (sessionId: string): PaceLimits => ({ ...of(sessionId).limits }),

    /** The limits that are the session's own; null: as the settings say. */
    ownLimits: (sessionId: string) => ({ ...ownLimits(sessionId) }),

    /** Changes the given limits of a session; null: as the settings say. Returns the limits that hold now. */
    setLimits(sessionId: string, change: PaceChange): PaceLimits {
      const asked = Object.entries(change).filter(([, value]) => value !== undefined);
      const given: OwnPace = { ...ownLimits(sessionId), ...Object.fromEntries(asked) };
      if (Object.values(given).every((value) => value === null))
        db.delete(paces).where(eq(paces.sessionId, sessionId)).run();
      else
        db.insert(paces)
          .values({ sessionId, ...given })
          .onConflictDoUpdate({ target: paces.sessionId, set: given })
          .run();
      own = undefined;
      known.delete(sessionId);
      return { ...of(sessionId).limits };
    },

    /** Milliseconds since 1970 from which the session's next message may go out; not later than now: at once. */
    readyAt(sessionId: string): number {
      const state = of(sessionId);
      const { perMinute, pauseMs, perDay } = state.limits;
      if (perMinute === 0 && pauseMs === 0 && perDay === 0) return 0;
      const now = clock.now();
      if (!state.session || state.session.newest() > now)
        state.session = readSession(sessionId, state.limits, now);
      return Math.max(0, Math.ceil(state.session.readyAt()));
    },

    /** The same for the session's next message to this person, by whichever form. */
    recipientReadyAt(sessionId: string, recipient: string): number {
      const state = of(sessionId);
      const { recipientPauseMs, recipientPerDay } = state.limits;
      if (recipientPauseMs === 0 && recipientPerDay === 0) return 0;
      const now = clock.now();
      if (!state.recipients || state.recipients.newest() > now)
        state.recipients = readRecipients(sessionId, state.limits, now);
      return state.recipients.readyAt(people.formsOf(recipient));
    },

    /** A message was handed to the session's runner, and its row says so. */
    handed(sessionId: string, recipient: string, at: number): void {
      // What was not read yet is read at its first use, with this one in it.
      const state = known.get(sessionId);
      state?.session?.handed(at);
      state?.recipients?.handed(sameForm(recipient), at);
    },

    /** Rows of hand-overs were changed (a message proved unsent has none any more): they are read again. */
    reread(sessionId: string): void {
      const state = known.get(sessionId);
      if (state) state.session = state.recipients = undefined;
    },

    /** The session is deleted, and its own limits with it. What went out still counts for a session of the same name. */
    forget(sessionId: string): void {
      db.delete(paces).where(eq(paces.sessionId, sessionId)).run();
      own = undefined;
      known.delete(sessionId);
    },
  };
}
