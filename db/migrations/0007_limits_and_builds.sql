CREATE TABLE `account_limits` (
	`session_id` text PRIMARY KEY NOT NULL,
	`account` text,
	`code` text NOT NULL,
	`since` integer NOT NULL,
	`until` integer,
	`next_try_at` integer NOT NULL,
	`refusals` integer NOT NULL,
	`tried_by` text
);
--> statement-breakpoint
CREATE TABLE `whatsapp_builds` (
	`version` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`found_at` integer NOT NULL,
	`session_id` text,
	`tried_at` integer,
	`ready_at` integer,
	`ready_after_seq` integer,
	`troubles` text,
	`proven_at` integer,
	`rejected_at` integer,
	`cautious` integer DEFAULT false NOT NULL,
	`retry_at` integer,
	`why` text
);
--> statement-breakpoint
DROP INDEX `messages_line`;--> statement-breakpoint
ALTER TABLE `messages` ADD `waits_for` text;--> statement-breakpoint
CREATE INDEX `messages_chat` ON `messages` (`session_id`,`recipient`) WHERE status = 'queued';--> statement-breakpoint
CREATE INDEX `messages_waiting` ON `messages` (`session_id`,`recipient`,`position`,`waits_for`) WHERE status = 'queued' and waits_for is not null;--> statement-breakpoint
CREATE INDEX `messages_line` ON `messages` (`session_id`,`position`,`status`,`waits_for`) WHERE status = 'queued' and position is not null and waits_for is null;--> statement-breakpoint
ALTER TABLE `warm_runners` ADD `purpose` text DEFAULT 'session' NOT NULL;--> statement-breakpoint
DROP VIEW `backlog`;--> statement-breakpoint
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