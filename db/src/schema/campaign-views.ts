import { sql } from "drizzle-orm";
import { integer, sqliteView, text } from "drizzle-orm/sqlite-core";
import { readable } from "./readable.ts";

const count = (statuses: string) =>
  sql.raw(`(select count(*) from messages m where m.bulk_id = b.id and m.status in (${statuses}))`);

/** For administrators: each bulk in one readable line, newest first. `delivered` and `read` are part of `sent`. Times are UTC. */
export const bulkOverview = sqliteView("bulk_overview", {
  bulk: text(),
  session: text(),
  clientId: text("client_id"),
  state: text(),
  total: integer(),
  waiting: integer(),
  sent: integer(),
  delivered: integer(),
  read: integer(),
  failed: integer(),
  unknown: integer(),
  ended: integer(),
  skipped: integer(),
  pauseSeconds: integer("pause_seconds"),
  created: text(),
  updated: text(),
}).as(sql`
  select b.id as bulk, b.session_id as session, b.client_bulk_id as client_id, b.state, b.total,
    ${count("'queued', 'sending'")} as waiting, ${count("'sent', 'delivered', 'read'")} as sent,
    ${count("'delivered', 'read'")} as delivered, ${count("'read'")} as read, ${count("'failed'")} as failed,
    ${count("'unknown'")} as unknown, ${count("'expired', 'cancelled'")} as ended,
    coalesce(json_array_length(b.skipped), 0) as skipped, b.pause_ms / 1000.0 as pause_seconds,
    ${readable("b.created_at")} as created, ${readable("b.updated_at")} as updated
  from bulks b order by b.created_at desc, b.id desc`);

/** For administrators: what applications were told, newest first. Times are UTC. */
export const eventOverview = sqliteView("event_overview", {
  event: integer(),
  session: text(),
  seq: integer(),
  at: text(),
  type: text(),
  about: text(),
  status: text(),
  data: text(),
}).as(sql`
  select e.id as event, e.session_id as session, e.seq, ${readable("e.at")} as at, e.type,
    coalesce(json_extract(e.data, '$.messageId'), json_extract(e.data, '$.bulkId'), json_extract(e.data, '$.recipient'),
      json_extract(e.data, '$.from')) as about,
    json_extract(e.data, '$.status') as status, substr(e.data, 1, 200) as data
  from events e order by e.id desc`);

/** For administrators: what waits to be told to a webhook, or could not be, newest first. Times are UTC. */
export const deliveryOverview = sqliteView("delivery_overview", {
  delivery: integer(),
  webhook: text(),
  url: text(),
  event: integer(),
  type: text(),
  session: text(),
  state: text(),
  attempts: integer(),
  nextTry: text("next_try"),
  lastStatus: integer("last_status"),
  lastError: text("last_error"),
  created: text(),
  updated: text(),
}).as(sql`
  select d.id as delivery, d.webhook_id as webhook, w.url, d.event_id as event, e.type, d.session_id as session, d.state, d.attempts,
    case when d.state = 'waiting' then ${readable("d.next_attempt_at")} end as next_try,
    d.last_status, d.last_error, ${readable("d.created_at")} as created, ${readable("d.updated_at")} as updated
  from deliveries d left join webhooks w on w.id = d.webhook_id left join events e on e.id = d.event_id
  order by d.id desc`);

/** For administrators: who must not be written to, newest first. Times are UTC. */
export const suppressionOverview = sqliteView("suppression_overview", {
  recipient: text(),
  session: text(),
  source: text(),
  note: text(),
  created: text(),
}).as(sql`
  select recipient, case session_id when '' then 'all' else session_id end as session, source, note,
    ${readable("created_at")} as created
  from suppressions order by created_at desc, recipient`);
