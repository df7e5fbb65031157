import { sql, type SQL } from "drizzle-orm";
import type { Db } from "@whatsapp-engine/db";

/** A session that would be woken for a message this soon is not closed before. */
const SOON_MS = 2 * 60_000;

/**
 * What tells that a session is not needed, read from the database: so a restart of the engine changes nothing of it.
 * Scheduled messages count when their time comes near, those of a bulk that is held back do not.
 */
export function createIdle({ db, defaultMinutes }: { db: Db; defaultMinutes: number }) {
  const inLine = (sessionId: SQL) => sql`exists (select 1 from messages m
    where m.session_id = ${sessionId} and m.status = 'queued' and m.position is not null
      and m.waits_for is null)`;
  const underWay = (sessionId: SQL) => sql`exists (select 1 from messages m
    where m.session_id = ${sessionId} and m.status = 'sending')`;
  const dueBy = (sessionId: SQL, at: number) => sql`exists (select 1 from messages m
    left join bulks b on b.id = m.bulk_id
    where m.status = 'queued' and m.position is null and m.scheduled_at <= ${at}
      and m.session_id = ${sessionId} and coalesce(b.state, 'running') = 'running')`;
  /** Not `updated_at`, which a change of a setting moves too, and a note that there is no room to wake it. */
  const sleepsSince = sql`coalesce((select e.at from events e
    where e.session_id = s.id and e.type = 'session.status' order by e.seq desc limit 1), s.updated_at)`;
  const needed = (sessionId: SQL, now: number) =>
    sql`(${inLine(sessionId)} or ${underWay(sessionId)} or ${dueBy(sessionId, now + SOON_MS)})`;

  return {
    /** Whether a message of this session is under way, in line, or soon will be. */
    isNeeded: (sessionId: string, now: number): boolean =>
      db.get<{ needed: number }>(sql`select ${needed(sql`${sessionId}`, now)} as needed`)!.needed === 1,

    /** Connected sessions of which nothing was heard, and by which nothing was sent, for as long as they may be idle. */
    idle: (now: number) =>
      db.all<{ id: string; mayIdleMs: number }>(sql`
        select s.id, s.may_idle as mayIdleMs from (
          select id, max(updated_at, coalesce((select e.at from events e where e.session_id = sessions.id
              order by e.seq desc limit 1), 0)) as used_at,
            coalesce(hibernate_after_minutes, ${defaultMinutes}) * 60000 as may_idle
          from sessions where desired = 'running' and status = 'connected'
        ) s
        where s.may_idle > 0 and s.used_at + s.may_idle <= ${now} and not ${needed(sql`s.id`, now)}`),

    /** Hibernated sessions with messages in line or without an outcome, and those that hibernate since before `sleptSince`. */
    toWake: (sleptSince: number): string[] =>
      db
        .all<{ id: string }>(
          sql`
            select s.id from sessions s
            where s.desired = 'asleep'
              and (${sleepsSince} <= ${sleptSince} or ${inLine(sql`s.id`)} or ${underWay(sql`s.id`)})`,
        )
        .map(({ id }) => id),

    /** Sleeping sessions that were to be woken, and had no room. */
    notWoken: (): string[] =>
      db
        .all<{ id: string }>(sql`select id from sessions where desired = 'asleep' and waits_for = 'room'`)
        .map(({ id }) => id),

    /** Sessions that were woken for a visit, have been connected since `connectedBefore`, and that nothing needs at `now`. */
    visited: (connectedBefore: number, now: number): string[] =>
      db
        .all<{ id: string }>(
          sql`
            select s.id from sessions s
            where s.desired = 'running' and s.status = 'connected' and s.is_visit
              and s.connected_at <= ${connectedBefore} and not ${needed(sql`s.id`, now)}`,
        )
        .map(({ id }) => id),
  };
}

export type Idle = ReturnType<typeof createIdle>;
