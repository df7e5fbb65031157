CREATE TABLE `event_retention` (
	`id` integer PRIMARY KEY NOT NULL,
	`removed_to` integer NOT NULL
);
--> statement-breakpoint
DROP INDEX `deliveries_dead`;--> statement-breakpoint
ALTER TABLE `deliveries` ADD `failing_since` integer;--> statement-breakpoint
CREATE INDEX `deliveries_state` ON `deliveries` (`webhook_id`,`state`);--> statement-breakpoint
ALTER TABLE `webhooks` ADD `deleted_at` integer;--> statement-breakpoint
CREATE VIEW `webhook_health` AS 
  select w.id as webhook, coalesce(w.session_id, 'all') as session, w.url, case when w.enabled then 'yes' else 'no' end as enabled,
    (select count(*) from deliveries d where d.webhook_id = w.id and d.state = 'waiting') as waiting,
    (select count(*) from deliveries d where d.webhook_id = w.id and d.state = 'dead') as dead,
    (select strftime('%Y-%m-%d %H:%M:%S', min(d.created_at) / 1000, 'unixepoch') from deliveries d
      where d.webhook_id = w.id and d.state = 'waiting') as oldest_waiting,
    (select last_error from (
      select d.last_error, d.updated_at from deliveries d
        where d.webhook_id = w.id and d.state = 'waiting' and d.last_error is not null
      union all
      select d.last_error, d.updated_at from deliveries d
        where d.webhook_id = w.id and d.state = 'dead' and d.last_error is not null
    ) order by updated_at desc limit 1) as last_error
  from webhooks w where w.deleted_at is null order by w.created_at, w.id;