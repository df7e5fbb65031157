import { randomUUID } from "node:crypto";
import { and, asc, count, desc, eq, gt, lt, ne, notInArray, sql } from "drizzle-orm";
import {
  profiles,
  rowsAfter,
  runners,
  sessions,
  unreadLines,
  warmRunners,
  type Db,
  type SessionRow,
  withoutSync,
} from "@whatsapp-engine/db";
import { sessionStatuses, type SessionReason, type SessionStatus } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Clock } from "../lib/clock.ts";
import type { Age } from "../lib/paging.ts";
import type { AppendEvent } from "../events/index.ts";
import { pathBetween } from "./lifecycle.ts";
import { takeWarmRunner, WARM_GENERATION, type WarmRunnerRow } from "./warm-store.ts";

export type { SessionRow };
export type SessionStore = ReturnType<typeof createSessionStore>;

/** What a transition may set besides the status. */
export type SessionChange = {
  status: SessionStatus;
  reason: SessionReason | null;
  detail?: string | null;
} & Partial<
  Pick<
    SessionRow,
    | "desired"
    | "waitsFor"
    | "unlinkOutcome"
    | "isVisit"
    | "runnerId"
    | "linkedPhoneNumber"
    | "pushName"
    | "whatsappVersion"
  >
>;

/** Thrown where a row changed between reading and writing it; the caller reads again. */
export class StaleSession extends Error {
  override readonly name = "StaleSession";
}

/** When somebody last sent by a session, or else it was connected or made; in milliseconds since 1970. */
const USED_AT = sql<number>`max(sessions.created_at, coalesce(sessions.connected_at, 0),
  coalesce((select max(m.created_at) from messages m where m.session_id = sessions.id), 0))`;

const differs = (row: SessionRow, change: SessionChange): boolean =>
  (Object.keys(change) as (keyof SessionChange)[]).some((key) => row[key] !== change[key]);

/** Rows of sessions, profiles and runners. Every write is one synchronous transaction with its event in it. */
export function createSessionStore({
  db,
  clock,
  appendEvent,
  onForget,
  onJournalLost,
}: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
  /** Ends what else belongs to a session, within the transaction that forgets it. */
  onForget: (sessionId: string) => void;
  /** What only the profile's journal could have told is not to be had any more; within the transaction that says so. */
  onJournalLost: (sessionId: string) => void;
}) {
  // What happens with every message is prepared once. A statement of the connection is part of its transaction.
  const findSession = db
    .select()
    .from(sessions)
    .where(eq(sessions.id, sql.placeholder("id")))
    .prepare();
  const findProfile = db
    .select()
    .from(profiles)
    .where(eq(profiles.sessionId, sql.placeholder("sessionId")))
    .prepare();
  const advanceCursor = db
    .update(profiles)
    .set({ cursor: sql`${sql.placeholder("seq")}` })
    .where(and(eq(profiles.id, sql.placeholder("profileId")), lt(profiles.cursor, sql.placeholder("seq"))))
    .prepare();
  return {
    find: (id: string): SessionRow | undefined => findSession.get({ id }),

    profileOf(sessionId: string): { id: string; cursor: number; createdAt: number } | undefined {
      return findProfile.get({ sessionId });
    },

    /** Profiles of sessions, and those that wait for one. */
    profileIds(): Set<string> {
      const waiting = db.select({ id: warmRunners.profileId }).from(warmRunners);
      return new Set(
        db
          .select({ id: profiles.id })
          .from(profiles)
          .unionAll(waiting)
          .all()
          .map(({ id }) => id),
      );
    },

    isPinned: (whatsappVersionPin: string): boolean =>
      db.select().from(sessions).where(eq(sessions.whatsappVersionPin, whatsappVersionPin)).get() !==
      undefined,

    /** All, the one that was used most recently first. */
    ids: (): string[] =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .orderBy(desc(USED_AT))
        .all()
        .map(({ id }) => id),

    /** Session that has this runner as its present one. */
    findByRunner: (runnerId: string): SessionRow | undefined =>
      db.select().from(sessions).where(eq(sessions.runnerId, runnerId)).get(),

    /** `warm`: the runner of the pool that it is to have. Throws `WarmRunnerTaken` where somebody else has that already. */
    create(
      id: string,
      expectedPhoneNumber: string | null,
      {
        name = null,
        hibernateAfterMinutes = null,
        whatsappVersionPin = null,
        warm = null,
      }: {
        name?: string | null;
        hibernateAfterMinutes?: number | null;
        whatsappVersionPin?: string | null;
        warm?: Pick<WarmRunnerRow, "profileId" | "runnerId"> | null;
      } = {},
    ): SessionRow {
      const now = clock.now();
      const profileId = warm?.profileId ?? randomUUID();
      return db.transaction((tx) => {
        if (warm) takeWarmRunner(tx, warm);
        const row = tx
          .insert(sessions)
          .values({
            id,
            name,
            desired: "running",
            status: "connecting",
            reason: "starting",
            expectedPhoneNumber,
            hibernateAfterMinutes,
            whatsappVersionPin,
            runnerId: warm?.runnerId ?? null,
            createdAt: now,
            updatedAt: now,
          })
          .returning()
          .get();
        tx.insert(profiles)
          .values({ id: profileId, sessionId: id, generation: warm ? WARM_GENERATION : 0, createdAt: now })
          .run();
        if (warm) tx.insert(runners).values({ id: warm.runnerId, profileId, createdAt: now }).run();
        appendEvent(id, "session.created", { name });
        passStep("session.before_commit", { sessionId: id });
        return row;
      });
    },

    /**
     * Compare and set: writes only if the row is still as `seen`, passes through the transition table, and
     * records the change as events. What only explains the state before (`detail`, `waitsFor`, `unlinkOutcome`) is
     * cleared where it is not given. Writes nothing where nothing changes. Throws `StaleSession`.
     */
    transition(seen: SessionRow, given: SessionChange): SessionRow {
      const change = { detail: null, waitsFor: null, unlinkOutcome: null, ...given };
      if (!differs(seen, change)) return seen;
      const now = clock.now();
      return db.transaction((tx) => {
        const row = tx
          .update(sessions)
          .set({
            ...change,
            ...(change.status === "connected" && seen.status !== "connected" ? { connectedAt: now } : {}),
            version: seen.version + 1,
            updatedAt: now,
          })
          .where(and(eq(sessions.id, seen.id), eq(sessions.version, seen.version)))
          .returning()
          .get();
        if (row === undefined) throw new StaleSession(seen.id);
        if (row.status !== seen.status || row.reason !== seen.reason) {
          for (const status of pathBetween(seen.status, row.status)) {
            appendEvent(seen.id, "session.status", {
              name: row.name,
              status,
              reason: status === row.status ? row.reason : null,
            });
          }
        }
        return row;
      });
    },

    /** Writes settings only; what is not given stays. Compare and set, as `transition`. */
    configure(
      seen: SessionRow,
      change: {
        [Name in "name" | "hibernateAfterMinutes" | "whatsappVersionPin"]?: SessionRow[Name] | undefined;
      },
    ): SessionRow {
      const row = db
        .update(sessions)
        .set({ ...change, version: seen.version + 1, updatedAt: clock.now() })
        .where(and(eq(sessions.id, seen.id), eq(sessions.version, seen.version)))
        .returning()
        .get();
      if (row === undefined) throw new StaleSession(seen.id);
      return row;
    },

    /**
     * Records a session again that only its profile knew of, with the runners that there are on it. Its journal is read
     * from the start: what it tells was told before, to a database that is gone.
     */
    recover(found: {
      sessionId: string;
      profileId: string;
      generation: number;
      /** Milliseconds since 1970. */
      createdAt: number;
      desired: "running" | "stopped";
      runnerIds: readonly string[];
      /** The one that is alive, if any is. */
      runnerId: string | null;
    }): void {
      const { sessionId, profileId, generation, createdAt, desired, runnerId } = found;
      const now = clock.now();
      const state =
        desired === "running"
          ? ({ status: "connecting", reason: "starting" } as const)
          : ({ status: "disconnected", reason: "stopped" } as const);
      db.transaction((tx) => {
        tx.insert(sessions)
          .values({ id: sessionId, desired, ...state, runnerId, createdAt, updatedAt: now })
          .run();
        tx.insert(profiles).values({ id: profileId, sessionId, generation, createdAt }).run();
        for (const id of found.runnerIds) tx.insert(runners).values({ id, profileId, createdAt: now }).run();
        appendEvent(sessionId, "session.created", { name: null });
        if (desired === "stopped") appendEvent(sessionId, "session.status", { name: null, ...state });
      });
    },

    knowsRunner: (runnerId: string): boolean =>
      db.select().from(runners).where(eq(runners.id, runnerId)).get() !== undefined,

    /** Returns the runner's number among those of its profile: each new one has the next. */
    addRunner(runnerId: string, profileId: string): number {
      return db.transaction((tx) => {
        tx.insert(runners).values({ id: runnerId, profileId, createdAt: clock.now() }).run();
        return tx
          .update(profiles)
          .set({ generation: sql`${profiles.generation} + 1` })
          .where(eq(profiles.id, profileId))
          .returning({ generation: profiles.generation })
          .get()!.generation;
      });
    },

    /** The profile has had a runner of this number, of which this database does not know. */
    raiseGeneration(sessionId: string, generation: number): void {
      db.update(profiles)
        .set({ generation })
        .where(and(eq(profiles.sessionId, sessionId), lt(profiles.generation, generation)))
        .run();
    },

    /** Gives the session, which is made if there is none, another profile in place of its own. It is not to run then. */
    restore(
      id: string,
      { profileId, cursor, phoneNumber }: { profileId: string; cursor: number; phoneNumber: string | null },
    ): SessionRow {
      const now = clock.now();
      return db.transaction((tx) => {
        const seen = findSession.get({ id });
        const profile = tx.select().from(profiles).where(eq(profiles.sessionId, id)).get();
        if (profile) {
          tx.delete(runners).where(eq(runners.profileId, profile.id)).run();
          tx.delete(profiles).where(eq(profiles.id, profile.id)).run();
        }
        const ended = { desired: "stopped", status: "disconnected", reason: "stopped" } as const;
        const linked = { linkedPhoneNumber: phoneNumber, pushName: null };
        if (seen === undefined) {
          tx.insert(sessions)
            .values({ id, ...ended, ...linked, createdAt: now, updatedAt: now })
            .run();
          appendEvent(id, "session.created", { name: null });
        }
        tx.insert(profiles)
          .values({
            id: profileId,
            sessionId: id,
            cursor,
            generation: profile?.generation ?? 0,
            createdAt: now,
          })
          .run();
        return seen
          ? this.transition(seen, { ...ended, ...linked, runnerId: null })
          : findSession.get({ id })!;
      });
    },

    dropRunner(runnerId: string): void {
      db.delete(runners).where(eq(runners.id, runnerId)).run();
    },

    /** Drops the rows of a profile's runners that do not exist (any more). */
    keepRunners(profileId: string, existing: readonly string[]): void {
      db.delete(runners)
        .where(and(eq(runners.profileId, profileId), notInArray(runners.id, [...existing])))
        .run();
    },

    /** Removes session, profile and runner rows. Messages and events stay; no message of it goes out any more. */
    forget(id: string): void {
      db.transaction((tx) => {
        const mine = tx.select({ id: profiles.id }).from(profiles).where(eq(profiles.sessionId, id));
        tx.delete(runners)
          .where(sql`${runners.profileId} in ${mine}`)
          .run();
        tx.delete(profiles).where(eq(profiles.sessionId, id)).run();
        tx.delete(sessions).where(eq(sessions.id, id)).run();
        tx.delete(unreadLines).where(eq(unreadLines.sessionId, id)).run();
        onForget(id);
        appendEvent(id, "session.deleted", {});
      });
    },

    /** In order of creation, those after `after`. */
    list(query: {
      status?: SessionStatus | undefined;
      limit: number;
      after?: Age | undefined;
    }): SessionRow[] {
      const { status, limit, after } = query;
      return db
        .select()
        .from(sessions)
        .where(
          and(
            ne(sessions.desired, "deleted"),
            status && eq(sessions.status, status),
            rowsAfter([sessions.createdAt, sessions.id], after),
          ),
        )
        .orderBy(asc(sessions.createdAt), asc(sessions.id))
        .limit(limit)
        .all();
    },

    /** Sessions that are to run. */
    countRunning: (): number =>
      db.select({ n: count() }).from(sessions).where(eq(sessions.desired, "running")).get()?.n ?? 0,

    usedAt: (id: string): number =>
      db.select({ at: USED_AT }).from(sessions).where(eq(sessions.id, id)).get()?.at ?? 0,

    countByStatus(): Record<SessionStatus, number> {
      const zero = Object.fromEntries(sessionStatuses.map((status) => [status, 0]));
      const rows = db
        .select({ status: sessions.status, n: count() })
        .from(sessions)
        .where(ne(sessions.desired, "deleted"))
        .groupBy(sessions.status)
        .all();
      return { ...zero, ...Object.fromEntries(rows.map(({ status, n }) => [status, n])) } as Record<
        SessionStatus,
        number
      >;
    },

    /**
     * The profile's journal is another one than before, whose numbers begin anew: all that it tells is new. Who could tell
     * of the one before is gone with it. Returns whether it is so.
     */
    journalBeginsAnew({ profileId, lastSeq }: { profileId: string; lastSeq: number }): boolean {
      const of = and(eq(profiles.id, profileId), gt(profiles.cursor, lastSeq));
      return db.transaction((tx) => {
        const found = tx.update(profiles).set({ cursor: 0 }).where(of).returning().get();
        if (found) onJournalLost(found.sessionId);
        return found !== undefined;
      });
    },

    /**
     * Takes a journal event over once: what `apply` makes of it and the advance of the profile's cursor are one
     * transaction; an event at or below the cursor is passed over. Should the machine lose it, the cursor is lost with
     * it, and the journal tells it again.
     */
    takeOver({ profileId, seq }: { profileId: string; seq: number }, apply: () => void): void {
      withoutSync(db, () =>
        db.transaction(() => {
          if (advanceCursor.run({ profileId, seq }).changes > 0) apply();
        }),
      );
    },
  };
}
