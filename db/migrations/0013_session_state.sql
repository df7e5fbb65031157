DROP VIEW `session_overview`;--> statement-breakpoint
DROP VIEW `whatsapp_build_overview`;--> statement-breakpoint
DROP VIEW `backlog`;--> statement-breakpoint
CREATE TABLE `__new_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text,
	`desired` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`detail` text,
	`waits_for` text,
	`unlink_outcome` text,
	`is_visit` integer DEFAULT false NOT NULL,
	`expected_phone_number` text,
	`linked_phone_number` text,
	`push_name` text,
	`whatsapp_version` text,
	`whatsapp_version_pin` text,
	`hibernate_after_minutes` integer,
	`runner_id` text,
	`version` integer DEFAULT 1 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`connected_at` integer,
	CONSTRAINT "sessions_desired" CHECK("__new_sessions"."desired" in ('running', 'asleep', 'stopped', 'deleted'))
);
--> statement-breakpoint
INSERT INTO `__new_sessions`("id", "name", "desired", "status", "reason", "detail", "expected_phone_number", "linked_phone_number", "push_name", "whatsapp_version", "whatsapp_version_pin", "hibernate_after_minutes", "runner_id", "version", "created_at", "updated_at", "connected_at") SELECT "id", "name", "desired", "status", "reason", "detail", "expected_phone_number", "linked_phone_number", "push_name", "whatsapp_version", "whatsapp_version_pin", "hibernate_after_minutes", "runner_id", "version", "created_at", "updated_at", "connected_at" FROM `sessions`;--> statement-breakpoint
UPDATE `__new_sessions` SET desired = 'asleep' WHERE desired = 'stopped' AND reason = 'hibernated';--> statement-breakpoint
UPDATE `__new_sessions` SET waits_for = 'room' WHERE desired = 'asleep' AND detail IS NOT NULL;--> statement-breakpoint
UPDATE `__new_sessions` SET waits_for = 'turn' WHERE desired = 'running' AND detail = 'Waits for its turn to start.';--> statement-breakpoint
UPDATE `__new_sessions` SET waits_for = 'copy' WHERE desired = 'running' AND detail = 'Its login is being copied into a backup.';--> statement-breakpoint
UPDATE `__new_sessions` SET unlink_outcome = CASE
  WHEN detail LIKE 'The account was unlinked at WhatsApp%' THEN 'done'
  WHEN detail LIKE 'No account was linked%' THEN 'not_linked'
  WHEN detail LIKE '%no connection to WhatsApp to unlink it by.' THEN 'not_asked'
  WHEN detail LIKE '%WhatsApp was asked to unlink it, and did not confirm that.' THEN 'unknown'
END WHERE desired = 'stopped' AND reason = 'logged_out';--> statement-breakpoint
DROP TABLE `sessions`;--> statement-breakpoint
ALTER TABLE `__new_sessions` RENAME TO `sessions`;--> statement-breakpoint
CREATE INDEX `sessions_status` ON `sessions` (`status`);--> statement-breakpoint
CREATE INDEX `sessions_created` ON `sessions` (`created_at`,`id`);--> statement-breakpoint
CREATE VIEW `session_overview` AS 
  select s.id as session, s.name, s.status, s.reason, s.detail, s.desired as wanted, s.waits_for,
    coalesce(s.linked_phone_number, s.expected_phone_number) as phone_number, s.push_name,
    s.whatsapp_version, s.runner_id as runner,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('sent', 'delivered', 'read')) as messages_sent, (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('failed')) as messages_failed,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('unknown')) as messages_unknown,
    strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', s.connected_at / 1000, 'unixepoch') as connected,
    strftime('%Y-%m-%d %H:%M:%S', s.updated_at / 1000, 'unixepoch') as updated
  from sessions s order by s.id;--> statement-breakpoint
CREATE VIEW `whatsapp_build_overview` AS 
  select b.version, b.state,
    (select count(*) from sessions s where s.whatsapp_version = b.version and s.desired = 'running') as sessions,
    case b.state when 'trying' then b.session_id end as canary, strftime('%Y-%m-%d %H:%M:%S', b.found_at / 1000, 'unixepoch') as found,
    strftime('%Y-%m-%d %H:%M:%S', b.tried_at / 1000, 'unixepoch') as tried, strftime('%Y-%m-%d %H:%M:%S', b.proven_at / 1000, 'unixepoch') as proven,
    strftime('%Y-%m-%d %H:%M:%S', b.rejected_at / 1000, 'unixepoch') as rejected, strftime('%Y-%m-%d %H:%M:%S', b.retry_at / 1000, 'unixepoch') as retry, b.why
  from whatsapp_builds b order by b.found_at desc;--> statement-breakpoint
CREATE VIEW `backlog` AS 
  select w.session_id as session, coalesce(s.status, 'deleted') as session_status, s.reason as session_reason,
    w.queued, w.in_all - w.queued - w.limited - coalesce(p.paused, 0) as scheduled, coalesce(p.paused, 0) as paused,
    w.limited, w.sending,
    (select strftime('%Y-%m-%d %H:%M:%S', max(m.created_at, coalesce(m.scheduled_at, 0)) / 1000, 'unixepoch') from messages m
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
  order by w.session_id;