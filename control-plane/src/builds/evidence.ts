import { sql, type SQL } from "drizzle-orm";
import type { Db } from "@whatsapp-engine/db";

/** What happened on a build. */
export type Evidence = {
  /** By kind of message. `troubles`: failed in the page, or without an outcome. */
  kinds: Record<string, { acknowledged: number; troubles: number; lastTrouble: string }>;
  lastTroubleAt: number | null;
  /** Share of messages with such trouble before, on all sessions. */
  usualShare: number;
  received: number;
  /** What was received in as much time before; 0 where that was not looked at. */
  receivedBefore: number;
  /** How often the page was opened anew. */
  falls: number;
  failedMends: readonly string[];
};

const DAY_MS = 24 * 60 * 60_000;
/** What the fleet usually sends, and how much of it fails, is read of this time. */
const USUAL_MS = 7 * DAY_MS;
/** And read again after this: it is a lot to read. */
const USUAL_KEPT_MS = 60 * 60_000;
/** A session is not called deaf before it was on a build for this long. */
const DEAF_MS = 15 * 60_000;

/** What the page's own code failed by, and what nobody knows the end of. A file that it does not take may be a bad one. */
const TROUBLE = sql.raw(`(m.status = 'unknown' or m.error_code = 'page_error'
  or (m.error_code = 'invalid_media' and m.error_message like 'WhatsApp Web did not take%'))`);
const ACKNOWLEDGED = sql.raw("m.status in ('sent', 'delivered', 'read')");
const FALLS = sql.raw("('page_crashed', 'page_hung', 'connect_timeout', 'start_timeout', 'unknown_state')");

/** Reads from the database what happened on a build, so that a restart of the engine loses nothing of it. */
export function createEvidence({ db }: { db: Db }) {
  let usual: { at: number; kinds: Set<string>; share: number } | undefined;

  /** What the fleet sends, and how much of it fails. */
  function usually(now: number): { kinds: Set<string>; share: number } {
    if (usual && now < usual.at + USUAL_KEPT_MS) return usual;
    const rows = db.all<{ type: string; good: number; bad: number }>(sql`
      select m.type, sum(${ACKNOWLEDGED}) as good, sum(${TROUBLE}) as bad from sessions s
      cross join messages m on m.session_id = s.id and m.handed_at >= ${now - USUAL_MS} group by m.type`);
    const [good, bad] = [
      rows.reduce((sum, row) => sum + row.good, 0),
      rows.reduce((sum, row) => sum + row.bad, 0),
    ];
    const kinds = new Set(rows.filter((row) => row.good > 0).map(({ type }) => type));
    usual = { at: now, kinds, share: good + bad === 0 ? 0 : bad / (good + bad) };
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
      from messages m where ${where} group by m.type`);
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
    troubles: readonly { messageId: string; kind: string; words: string; at: number }[],
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

  return {
    kinds: (now: number): ReadonlySet<string> => usually(now).kinds,

    /** Of one session, since it was connected on the build; `afterSeq`: its newest event then. */
    ofTrial(trial: {
      sessionId: string;
      triedAt: number;
      readyAt: number;
      afterSeq: number;
      failedMends: readonly string[];
      /** Messages that the page did not take, and that were put back. */
      troubles: readonly { messageId: string; kind: string; words: string; at: number }[];
      now: number;
    }): Evidence {
      const { sessionId, triedAt, readyAt, afterSeq, failedMends, troubles, now } = trial;
      const since = sql`e.session_id = ${sessionId} and e.seq > ${afterSeq}`;
      const received = count(
        sql`select count(*) as n from events e where ${since} and e.type = 'message.received'`,
      );
      const long = now - readyAt;
      return {
        ...withTroubles(messagesOf(sql`m.session_id = ${sessionId} and m.handed_at >= ${readyAt}`), troubles),
        usualShare: usually(now).share,
        received,
        receivedBefore:
          received > 0 || long < DEAF_MS
            ? 0
            : count(sql`select count(*) as n from events e where e.session_id = ${sessionId} and e.seq <= ${afterSeq}
                and e.type = 'message.received' and e.at between ${triedAt - long} and ${triedAt}`),
        falls: count(sql`select count(*) as n from events e where ${since} and e.type = 'session.status'
          and json_extract(e.data, '$.reason') in ${FALLS}`),
        failedMends,
      };
    },

    /** Of all sessions that were served the build, since it was found. */
    ofUse(use: {
      version: string;
      foundAt: number;
      afterEvent: number;
      failedMends: readonly string[];
    }): Evidence {
      const { version, foundAt, afterEvent, failedMends } = use;
      const onIt = sql`select s.id from sessions s where s.whatsapp_version = ${version} and s.whatsapp_version_pin is null`;
      return {
        ...messagesOf(sql`m.session_id in (${onIt}) and m.handed_at >= ${foundAt}`),
        usualShare: 0,
        received: count(sql`select count(*) as n from (select 1 from events e where e.id > ${afterEvent}
          and e.type = 'message.received' and e.session_id in (${onIt}) limit 1)`),
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
          and not exists (select 1 from events e where e.session_id = s.id and e.type = 'session.status'
            and e.at > ${linkedBefore} and json_extract(e.data, '$.status') = 'qr_ready')
        order by (select count(*) from messages m where m.session_id = s.id and m.handed_at >= ${now - DAY_MS}) desc, s.id
        limit 1`);
      return found?.id ?? null;
    },
  };
}
