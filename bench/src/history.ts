import { join } from "node:path";
import Sqlite from "better-sqlite3";

const DAY_MS = 24 * 60 * 60_000;
/** Within what retention keeps by default, so that no clean-up runs while we measure. */
const HISTORY_MS = 28 * DAY_MS;
/** Rows a transaction. */
const STEP = 50_000;

/** A UUID by SQLite's own means, as random as ours are: that is what spreads rows over the index. */
const UUID = [4, 2, 2, 2, 6].map((bytes) => `lower(hex(randomblob(${bytes})))`).join(" || '-' || ");

const numbers = "with recursive n(i) as (select $from union all select i + 1 from n where i + 1 < $to)";

/** Of 1,000 messages 1 is unknown, 9 failed, 290 are delivered, 50 only sent, and the others read. */
const HISTORY = `${numbers}
insert into messages (id, session_id, recipient, type, body, status, position, whatsapp_id, error_code, error_message,
  attempts, created_at, updated_at, handed_at, sent_at, delivered_at, read_at, expires_at)
select ${UUID}, printf('s-%02d', i % $sessions), '628' || printf('%010d', (i * 7919) % 10000000000), 'text', $text || i,
  status, at, iif(taken, 'true_628' || printf('%010d', i) || '@c.us_3EB0' || hex(randomblob(9)), null),
  iif(taken, null, 'not_on_whatsapp'), iif(taken, null, 'This number is not on WhatsApp.'),
  1, at, at + 2000, at + 10, iif(taken, at + 300, null), iif(status in ('delivered', 'read'), at + 1000, null),
  iif(status = 'read', at + 2000, null), at + ${DAY_MS}
from (select i, $now - ${HISTORY_MS} + cast(i * 1.0 * ${HISTORY_MS - DAY_MS} / $all as integer) as at,
    i % 1000 > 9 as taken,
    case when i % 1000 = 0 then 'unknown' when i % 1000 < 10 then 'failed' when i % 1000 < 300 then 'delivered'
      when i % 1000 < 350 then 'sent' else 'read' end as status from n)`;

/** One event for each of these messages. */
const EVENTS = `${numbers}
insert into events (session_id, seq, type, data, at)
select printf('s-%02d', i % $sessions), $seq + i / $sessions + 1, 'message.status',
  json_object('messageId', ${UUID}, 'clientMessageId', null, 'bulkId', null, 'to', '628' || printf('%010d', i),
    'type', 'text', 'status', 'sent', 'waitsFor', null, 'whatsappId', 'true_628' || printf('%010d', i) || '@c.us_3EB0' || hex(randomblob(9)),
    'error', null, 'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  $now - ${HISTORY_MS} + cast(i * 1.0 * ${HISTORY_MS - DAY_MS} / $all as integer)
from n`;

const QUEUE = `${numbers}
insert into messages (id, session_id, recipient, type, body, status, position, created_at, updated_at, expires_at)
select ${UUID}, printf('s-%02d', i % $sessions), '628' || printf('%010d', i), 'text', $text || i, 'queued',
  $now + i, $now, $now, $now + ${DAY_MS}
from n`;

/** Writes the past of an engine that does not run: messages that came to an end, with their events, and such that wait. */
export function writeHistory(
  dataDir: string,
  options: { sessions: number; past: number; queued: number; text: string },
  progress: (what: string, done: number, of: number) => void,
): void {
  const { sessions, past, queued, text } = options;
  const sqlite = new Sqlite(join(dataDir, "engine.sqlite"), { fileMustExist: true });
  try {
    sqlite.pragma("synchronous = OFF");
    sqlite.pragma("cache_size = -400000");
    const now = Date.now();
    const seq = sqlite.prepare("select coalesce(max(seq), 0) from events").pluck().get();
    const write = (what: string, sql: string, all: number, more: Record<string, unknown>) => {
      const statement = sqlite.prepare(sql);
      for (let from = 0; from < all; from += STEP) {
        const to = Math.min(all, from + STEP);
        statement.run({ from, to, sessions, now, ...more });
        progress(what, to, all);
      }
    };
    write("messages in history", HISTORY, past, { text, all: past });
    write("events in history", EVENTS, past, { seq, all: past });
    write("messages in line", QUEUE, queued, { text });
    sqlite.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    sqlite.close();
  }
}
