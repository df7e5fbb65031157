import { sql } from "drizzle-orm";
import { integer, sqliteView, text } from "drizzle-orm/sqlite-core";
import { readable } from "./readable.ts";

const counted = (statuses: string) =>
  sql.raw(
    `(select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in (${statuses}))`,
  );

/** For administrators, in plain `sqlite3`: each session in one readable line. Times are UTC. */
export const sessionOverview = sqliteView("session_overview", {
  session: text(),
  name: text(),
  status: text(),
  reason: text(),
  detail: text(),
  wanted: text(),
  waitsFor: text("waits_for"),
  phoneNumber: text("phone_number"),
  pushName: text("push_name"),
  whatsappVersion: text("whatsapp_version"),
  runner: text(),
  messagesSent: integer("messages_sent"),
  messagesFailed: integer("messages_failed"),
  messagesUnknown: integer("messages_unknown"),
  created: text(),
  connected: text(),
  updated: text(),
}).as(sql`
  select s.id as session, s.name, s.status, s.reason, s.detail, s.desired as wanted, s.waits_for,
    coalesce(s.linked_phone_number, s.expected_phone_number) as phone_number, s.push_name,
    s.whatsapp_version, s.runner_id as runner,
    ${counted("'sent', 'delivered', 'read'")} as messages_sent, ${counted("'failed'")} as messages_failed,
    ${counted("'unknown'")} as messages_unknown,
    ${readable("s.created_at")} as created, ${readable("s.connected_at")} as connected,
    ${readable("s.updated_at")} as updated
  from sessions s order by s.id`);

/** For administrators: each message in one readable line, newest first. Times are UTC. */
export const messageOverview = sqliteView("message_overview", {
  message: text(),
  session: text(),
  recipient: text(),
  type: text(),
  status: text(),
  error: text(),
  text: text(),
  whatsappId: text("whatsapp_id"),
  created: text(),
  sent: text(),
}).as(sql`
  select id as message, session_id as session, recipient, type, status,
    case when error_code is null then null else error_code || ': ' || coalesce(error_message, '') end as error,
    substr(body, 1, 60) as text, whatsapp_id, ${readable("created_at")} as created, ${readable("sent_at")} as sent
  from messages order by created_at desc, id desc`);
