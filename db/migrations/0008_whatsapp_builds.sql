CREATE TABLE `whatsapp_builds` (
	`version` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`found_at` integer NOT NULL,
	`found_after_event` integer NOT NULL,
	`session_id` text,
	`tried_at` integer,
	`ready_at` integer,
	`ready_after_seq` integer,
	`troubles` text,
	`proven_at` integer,
	`cautious` integer DEFAULT false NOT NULL,
	`retry_at` integer,
	`why` text
);
--> statement-breakpoint
ALTER TABLE `warm_runners` ADD `purpose` text DEFAULT 'session' NOT NULL;--> statement-breakpoint
CREATE VIEW `whatsapp_build_overview` AS 
  select b.version, b.state,
    (select count(*) from sessions s where s.whatsapp_version = b.version and s.desired = 'running') as sessions,
    case b.state when 'trying' then b.session_id end as canary, strftime('%Y-%m-%d %H:%M:%S', b.found_at / 1000, 'unixepoch') as found,
    strftime('%Y-%m-%d %H:%M:%S', b.tried_at / 1000, 'unixepoch') as tried, strftime('%Y-%m-%d %H:%M:%S', b.proven_at / 1000, 'unixepoch') as proven, strftime('%Y-%m-%d %H:%M:%S', b.retry_at / 1000, 'unixepoch') as retry, b.why
  from whatsapp_builds b order by b.found_at desc;