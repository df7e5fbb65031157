ALTER TABLE `bulks` ADD `skipped` text;--> statement-breakpoint
ALTER TABLE `bulks` ADD `pause_ms` integer;--> statement-breakpoint
CREATE INDEX `bulks_session` ON `bulks` (`session_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `bulks_paced` ON `bulks` (`id`) WHERE state = 'running' and pause_ms is not null;--> statement-breakpoint
CREATE VIEW `bulk_overview` AS 
  select b.id as bulk, b.session_id as session, b.client_bulk_id as client_id, b.state, b.total,
    (select count(*) from messages m where m.bulk_id = b.id and m.status in ('queued', 'sending')) as waiting, (select count(*) from messages m where m.bulk_id = b.id and m.status in ('sent', 'delivered', 'read')) as sent,
    (select count(*) from messages m where m.bulk_id = b.id and m.status in ('delivered', 'read')) as delivered, (select count(*) from messages m where m.bulk_id = b.id and m.status in ('read')) as read, (select count(*) from messages m where m.bulk_id = b.id and m.status in ('failed')) as failed,
    (select count(*) from messages m where m.bulk_id = b.id and m.status in ('unknown')) as unknown, (select count(*) from messages m where m.bulk_id = b.id and m.status in ('expired', 'cancelled')) as ended,
    coalesce(json_array_length(b.skipped), 0) as skipped, b.pause_ms / 1000.0 as pause_seconds,
    strftime('%Y-%m-%d %H:%M:%S', b.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', b.updated_at / 1000, 'unixepoch') as updated
  from bulks b order by b.created_at desc, b.id desc;--> statement-breakpoint
CREATE VIEW `delivery_overview` AS 
  select d.id as delivery, d.webhook_id as webhook, w.url, d.event_id as event, e.type, d.session_id as session, d.state, d.attempts,
    case when d.state = 'waiting' then strftime('%Y-%m-%d %H:%M:%S', d.next_attempt_at / 1000, 'unixepoch') end as next_try,
    d.last_status, d.last_error, strftime('%Y-%m-%d %H:%M:%S', d.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', d.updated_at / 1000, 'unixepoch') as updated
  from deliveries d left join webhooks w on w.id = d.webhook_id left join events e on e.id = d.event_id
  order by d.id desc;--> statement-breakpoint
CREATE VIEW `event_overview` AS 
  select e.id as event, e.session_id as session, e.seq, strftime('%Y-%m-%d %H:%M:%S', e.at / 1000, 'unixepoch') as at, e.type,
    coalesce(json_extract(e.data, '$.messageId'), json_extract(e.data, '$.bulkId'), json_extract(e.data, '$.recipient'),
      json_extract(e.data, '$.from')) as about,
    json_extract(e.data, '$.status') as status, substr(e.data, 1, 200) as data
  from events e order by e.id desc;--> statement-breakpoint
CREATE VIEW `suppression_overview` AS 
  select recipient, case session_id when '' then 'all' else session_id end as session, source, note,
    strftime('%Y-%m-%d %H:%M:%S', created_at / 1000, 'unixepoch') as created
  from suppressions order by created_at desc, recipient;--> statement-breakpoint
UPDATE `bulks` SET state = 'finished' WHERE state IN ('running', 'paused')
AND NOT EXISTS (SELECT 1 FROM messages WHERE bulk_id = bulks.id AND status IN ('queued', 'sending'));
