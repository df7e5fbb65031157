import { sql, type SQL } from "drizzle-orm";
import { NOT_TAKEN_BY_PAGE } from "@whatsapp-engine/contract/runner";
import type { Db, WhatsAppBuildRow } from "@whatsapp-engine/db";

type Troubles = NonNullable<WhatsAppBuildRow["troubles"]>;

/** What happened on a build. */
export type Evidence = {
  /** By kind of message. `troubles`: how often one failed in the page, or has no outcome. */
  kinds: Record<string, { acknowledged: number; troubles: number; lastTrouble: string }>;
  lastTroubleAt: number | null;
  /** Share of messages with such trouble before, on all sessions. */
  usualShare: number;
  received: boolean;
  /** Nothing was received for an hour, in which other sessions received some. */
  isDeaf: boolean;
  /** What the session received in the hour before; 0 where that was not looked at. */
  receivedBefore: number;
  /** How often the page was opened anew. */
  falls: number;
  failedMends: readonly string[];
};

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** What the fleet usually sends, and how much of it fails, is read of so many of each session's newest messages of this time. */
const USUAL_MS = 7 * DAY_MS;
const USUAL_MESSAGES = 200;
/** And read again after this. */
const USUAL_KEPT_MS = HOUR_MS;
/** Events of a session that its last hour is looked for in. */
const LAST_EVENTS = 5_000;

/** What the page's own code failed by, and what nobody knows the end of. A file that it does not take may be a bad one. */
const TROUBLE = sql.raw(`(m.status = 'unknown' or m.error_code = 'page_error'
  or (m.error_code = 'invalid_media' and m.error_message like '${NOT_TAKEN_BY_PAGE}%'))`);
const ACKNOWLEDGED = sql.raw("m.status in ('sent', 'delivered', 'read')");
const FALLS = sql.raw(
  "('page_crashed', 'page_hung', 'connect_timeout', 'start_timeout', 'unknown_state', 'start_failed', 'browser_gone', 'out_of_memory')",
);

/** Reads from the database what happened on a build, so that a restart of the engine loses nothing of it. */
export function createEvidence({ db }: { db: Db }) {
  let usual: { at: number; kinds: Set<string>; share: number } | undefined;

  /** What the fleet sends, and how much of it fails. */
  function usually(now: number): { kinds: Set<string>; share: number } {
    if (usual && now < usual.at + USUAL_KEPT_MS) return usual;
    const rows = db.all<{ type: string; good: number; bad: number }>(sql`
      select m.type, sum(${ACKNOWLEDGED}) as good, sum(${TROUBLE}) as bad from sessions s
      cross join messages m on m.rowid in (select l.rowid from messages l where l.session_id = s.id
        and l.handed_at >= ${now - USUAL_MS} order by l.handed_at desc limit ${USUAL_MESSAGES})
      group by m.type`);
    const sum = (of: "good" | "bad") => rows.reduce((total, row) => total + row[of], 0);
    const kinds = new Set(rows.filter((row) => row.good > 0).map(({ type }) => type));
    const all = sum("good") + sum("bad");
    usual = { at: now, kinds, share: all === 0 ? 0 : sum("bad") / all };
    return usual;
  }

  function messagesOf(where: SQL): Pick<Evidence, "kinds" | "lastTroubleAt"> {
    const rows = db.all<{
      type: string;
      good: number;
      bad: number;
      last: number | null;
      words: string | null;
    }>(sql`
      select m.type, sum(${ACKNOWLEDGED}) as good, sum(${TROUBLE}) as bad,
        max(case when ${TROUBLE} then m.updated_at end) as last,
        max(case when ${TROUBLE} then m.error_message end) as words
      from messages m ${where} group by m.type`);
    const times = rows.flatMap(({ last }) => last ?? []);
    return {
      kinds: Object.fromEntries(
        rows.map(({ type, good, bad, words }) => [
          type,
          { acknowledged: good, troubles: bad, lastTrouble: words ?? "" },
        ]),
      ),
      lastTroubleAt: times.length === 0 ? null : Math.max(...times),
    };
  }

  /** With those that were put back; one that failed for good since is counted already. */
  function withTroubles(
    seen: Pick<Evidence, "kinds" | "lastTroubleAt">,
    troubles: Troubles,
  ): Pick<Evidence, "kinds" | "lastTroubleAt"> {
    const ids = JSON.stringify(troubles.map(({ messageId }) => messageId));
    const rows = db.all<{ id: string }>(sql`
      select m.id from messages m where m.id in (select value from json_each(${ids})) and ${TROUBLE}`);
    const failed = new Set(rows.map(({ id }) => id));
    const kinds = { ...seen.kinds };
    let { lastTroubleAt } = seen;
    for (const { messageId, kind, words, at } of troubles) {
      lastTroubleAt = Math.max(lastTroubleAt ?? 0, at);
      const before = kinds[kind] ?? { acknowledged: 0, troubles: 0, lastTrouble: "" };
      if (!failed.has(messageId))
        kinds[kind] = { ...before, troubles: before.troubles + 1, lastTrouble: words };
    }
    return { kinds, lastTroubleAt };
  }

  const count = (query: SQL) => db.get<{ n: number }>(query)!.n;
  const exists = (query: SQL) =>
    db.get<{ found: number }>(sql`select exists (${query}) as found`)!.found === 1;

  return {
    kinds: (now: number): ReadonlySet<string> => usually(now).kinds,

    /** Whether the session had a message of this kind acknowledged since then. */
    acknowledged: (sessionId: string, kind: string, since: number): boolean =>
      exists(sql`select 1 from messages m
        where m.session_id = ${sessionId} and m.handed_at >= ${since} and m.type = ${kind} and ${ACKNOWLEDGED}`),

    /** Of one session, since it was connected on the build. */
    ofTrial(trial: {
      sessionId: string;
      triedAt: number;
      readyAt: number;
      /** Of that session, and of all: the newest event then. */
      afterSeq: number;
      failedMends: readonly string[];
      troubles: Troubles;
      now: number;
    }): Evidence {
      const { sessionId, triedAt, readyAt, afterSeq, failedMends, troubles, now } = trial;
      const since = sql`e.session_id = ${sessionId} and e.seq > ${afterSeq}`;
      // What the start read back from the chats was not heard.
      const from = new Date(readyAt).toISOString().slice(0, "2026-01-01T00:00:00".length);
      const received = exists(sql`select 1 from events e where ${since} and e.type = 'message.received'
        and json_extract(e.data, '$.timestamp') >= ${from}`);
      const isDeaf =
        !received &&
        now - readyAt >= HOUR_MS &&
        exists(sql`select 1 from events e where e.at > ${now - HOUR_MS} and e.type = 'message.received'`);
      return {
        ...withTroubles(
          messagesOf(sql`where m.session_id = ${sessionId} and m.handed_at >= ${readyAt}`),
          troubles,
        ),
        usualShare: usually(now).share,
        received,
        isDeaf,
        receivedBefore: isDeaf
          ? count(sql`select count(*) as n from events e where e.session_id = ${sessionId}
              and e.seq between ${afterSeq - LAST_EVENTS} and ${afterSeq}
              and e.type = 'message.received' and e.at between ${triedAt - HOUR_MS} and ${triedAt}`)
          : 0,
        falls: count(sql`select count(*) as n from events e where ${since} and e.type = 'session.status'
          and json_extract(e.data, '$.reason') in ${FALLS}`),
        failedMends,
      };
    },

    /** Of all sessions that were served the build, each since it was last connected, within a day. */
    ofUse(use: { version: string; foundAt: number; failedMends: readonly string[]; now: number }): Evidence {
      const { version, foundAt, failedMends, now } = use;
      const from = Math.max(foundAt, now - DAY_MS);
      const onIt = sql.raw(
        "s.whatsapp_version_pin is null and s.desired = 'running' and s.status = 'connected'",
      );
      return {
        ...messagesOf(sql`join sessions s on s.id = m.session_id
          where s.whatsapp_version = ${version} and ${onIt} and m.handed_at >= max(${from}, s.connected_at)`),
        usualShare: 0,
        received: exists(sql`select 1 from sessions s join events e on e.session_id = s.id
          where s.whatsapp_version = ${version} and ${onIt}
            and e.at >= max(${from}, s.connected_at) and e.type = 'message.received'`),
        isDeaf: false,
        receivedBefore: 0,
        falls: 0,
        failedMends,
      };
    },

    /**
     * Of these sessions the one that sent the most in a day and was not linked a moment ago: since `linkedBefore` it showed
     * no code, and was there.
     */
    busiest(
      sessionIds: readonly string[],
      { linkedBefore, now }: { linkedBefore: number; now: number },
    ): string | null {
      const ids = JSON.stringify(sessionIds);
      const found = db.get<{ id: string } | undefined>(sql`
        select s.id from sessions s join profiles p on p.session_id = s.id
        where s.id in (select value from json_each(${ids})) and p.created_at <= ${linkedBefore}
          and s.id not in (select e.session_id from events e where e.at > ${linkedBefore}
            and e.type = 'session.status' and json_extract(e.data, '$.status') = 'qr_ready')
        order by (select count(*) from messages m where m.session_id = s.id and m.handed_at >= ${now - DAY_MS}) desc, s.id
        limit 1`);
      return found?.id ?? null;
    },
  };
}
