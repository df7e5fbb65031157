CREATE TABLE `events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`session_id` text NOT NULL,
	`seq` integer NOT NULL,
	`type` text NOT NULL,
	`data` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `events_session_seq` ON `events` (`session_id`,`seq`);--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`recipient` text NOT NULL,
	`type` text NOT NULL,
	`body` text,
	`media_sha256` text,
	`media_mimetype` text,
	`media_filename` text,
	`media_bytes` integer,
	`status` text NOT NULL,
	`whatsapp_id` text,
	`error_code` text,
	`error_message` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`sent_at` integer
);
--> statement-breakpoint
CREATE INDEX `messages_session` ON `messages` (`session_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_whatsapp_id` ON `messages` (`whatsapp_id`);--> statement-breakpoint
CREATE INDEX `messages_sending` ON `messages` (`session_id`) WHERE "messages"."status" = 'sending';--> statement-breakpoint
CREATE TABLE `profiles` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`cursor` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `profiles_session_id_unique` ON `profiles` (`session_id`);--> statement-breakpoint
CREATE TABLE `runners` (
	`id` text PRIMARY KEY NOT NULL,
	`profile_id` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`profile_id`) REFERENCES `profiles`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`desired` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`detail` text,
	`expected_phone_number` text,
	`linked_phone_number` text,
	`push_name` text,
	`whatsapp_version` text,
	`runner_id` text,
	`version` integer DEFAULT 1 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`connected_at` integer,
	CONSTRAINT "sessions_desired" CHECK("sessions"."desired" in ('running', 'stopped', 'deleted'))
);
--> statement-breakpoint
CREATE INDEX `sessions_status` ON `sessions` (`status`);--> statement-breakpoint
CREATE INDEX `sessions_created` ON `sessions` (`created_at`,`id`);--> statement-breakpoint
CREATE VIEW `message_overview` AS 
  select id as message, session_id as session, recipient, type, status,
    case when error_code is null then null else error_code || ': ' || coalesce(error_message, '') end as error,
    substr(body, 1, 60) as text, whatsapp_id, strftime('%Y-%m-%d %H:%M:%S', created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', sent_at / 1000, 'unixepoch') as sent
  from messages order by created_at desc, id desc;--> statement-breakpoint
CREATE VIEW `session_overview` AS 
  select s.id as session, s.status, s.reason, s.detail, s.desired as wanted,
    coalesce(s.linked_phone_number, s.expected_phone_number) as phone_number, s.push_name as name,
    s.whatsapp_version, s.runner_id as runner,
    (select count(*) from messages m where m.session_id = s.id and m.status in ('sent', 'delivered', 'read')) as messages_sent,
    (select count(*) from messages m where m.session_id = s.id and m.status = 'failed') as messages_failed,
    (select count(*) from messages m where m.session_id = s.id and m.status = 'unknown') as messages_unknown,
    strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', s.connected_at / 1000, 'unixepoch') as connected,
    strftime('%Y-%m-%d %H:%M:%S', s.updated_at / 1000, 'unixepoch') as updated
  from sessions s order by s.id;