import { sql } from "drizzle-orm";
import { integer, sqliteView, text } from "drizzle-orm/sqlite-core";
import { readable } from "./readable.ts";

// SQLite joins in the order of a `cross join`: from the few paused bulks to their messages, not from all messages of bulks.
/** For administrators: what waits or is under way, a line for each session that has any. Times are UTC. */
export const backlog = sqliteView("backlog", {
  session: text(),
  sessionStatus: text("session_status"),
  sessionReason: text("session_reason"),
  /** In queue: goes out as soon as session and pace allow. */
  queued: integer(),
  /** For a later time. */
  scheduled: integer(),
  /** Of a bulk that is held back. */
  paused: integer(),
  /** Kept back by a limit of the account, or a build of WhatsApp Web that is tried. */
  limited: integer(),
  sending: integer(),
  /** When the first in the queue was accepted or, if scheduled, meant to go out. */
  oldestQueued: text("oldest_queued"),
}).as(sql`
  select w.session_id as session, coalesce(s.status, 'deleted') as session_status, s.reason as session_reason,
    w.queued, w.in_all - w.queued - w.limited - coalesce(p.paused, 0) as scheduled, coalesce(p.paused, 0) as paused,
    w.limited, w.sending,
    (select ${readable("max(m.created_at, coalesce(m.scheduled_at, 0))")} from messages m
      where m.session_id = w.session_id and m.status = 'queued' and m.position is not null and m.waits_for is null
      order by m.position limit 1) as oldest_queued
  from (
    select c.session_id,
      sum(case c.status when 'queued' then c.count else 0 end) as in_all,
      sum(case c.status when 'sending' then c.count else 0 end) as sending,
      (select count(*) from messages m
        where m.session_id = c.session_id and m.status = 'queued' and m.position is not null and m.waits_for is null
      ) as queued,
      (select count(*) from messages m
        where m.session_id = c.session_id and m.status = 'queued' and m.waits_for is not null) as limited
    from message_counts c where c.status in ('queued', 'sending') and c.count > 0 group by c.session_id
  ) w
  left join sessions s on s.id = w.session_id
  left join (
    select b.session_id, count(*) as paused
    from bulks b cross join messages m on m.bulk_id = b.id and m.status = 'queued'
    where b.state = 'paused' and m.waits_for is null group by b.session_id
  ) p on p.session_id = w.session_id
  order by w.session_id`);

/** For administrators: what became of the messages of a session and day. `delivered` and `read` are part of `sent`. */
export const outcomeByDay = sqliteView("outcome_by_day", {
  day: text(),
  session: text(),
  sent: integer(),
  delivered: integer(),
  read: integer(),
  failed: integer(),
  unknown: integer(),
  expired: integer(),
  cancelled: integer(),
}).as(sql`
  select date(day * 86400, 'unixepoch') as day, session_id as session,
    sum(case when status in ('sent', 'delivered', 'read') then count else 0 end) as sent,
    sum(case when status in ('delivered', 'read') then count else 0 end) as delivered,
    sum(case status when 'read' then count else 0 end) as read,
    sum(case status when 'failed' then count else 0 end) as failed,
    sum(case status when 'unknown' then count else 0 end) as unknown,
    sum(case status when 'expired' then count else 0 end) as expired,
    sum(case status when 'cancelled' then count else 0 end) as cancelled
  from message_days group by message_days.day, session_id having sum(count) > 0
  order by message_days.day desc, session_id`);

/** For administrators: messages of which nobody knows whether they went out, newest first. Times are UTC. */
export const unknownMessages = sqliteView("unknown_messages", {
  message: text(),
  session: text(),
  recipient: text(),
  type: text(),
  text: text(),
  handedOver: text("handed_over"),
  attempts: integer(),
  error: text(),
  whatsappId: text("whatsapp_id"),
  bulk: text(),
}).as(sql`
  select id as message, session_id as session, recipient, type, substr(body, 1, 60) as text,
    ${readable("handed_at")} as handed_over, attempts, error_message as error, whatsapp_id, bulk_id as bulk
  from messages where status = 'unknown' order by created_at desc, id desc`);
