CREATE TABLE `bulks` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`state` text NOT NULL,
	`total` integer NOT NULL,
	`client_bulk_id` text,
	`request_hash` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `bulks_client_id` ON `bulks` (`session_id`,`client_bulk_id`) WHERE client_bulk_id is not null;--> statement-breakpoint
CREATE TABLE `suppressions` (
	`session_id` text NOT NULL,
	`recipient` text NOT NULL,
	`source` text NOT NULL,
	`note` text,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `recipient`)
);
--> statement-breakpoint
CREATE TABLE `deliveries` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`webhook_id` text NOT NULL,
	`event_id` integer NOT NULL,
	`session_id` text NOT NULL,
	`state` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`last_status` integer,
	`last_error` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`webhook_id`) REFERENCES `webhooks`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `deliveries_waiting` ON `deliveries` (`webhook_id`,`session_id`,`id`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `deliveries_dead` ON `deliveries` (`webhook_id`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `deliveries_event` ON `deliveries` (`event_id`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text,
	`url` text NOT NULL,
	`events` text,
	`secret` text NOT NULL,
	`former_secret` text,
	`former_secret_until` integer,
	`enabled` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
DROP INDEX `messages_sending`;--> statement-breakpoint
ALTER TABLE `messages` ADD `content` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `position` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `bulk_id` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `client_message_id` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `request_hash` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `attempts` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `messages` ADD `scheduled_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `handed_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `delivered_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `read_at` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `messages_client_id` ON `messages` (`session_id`,`client_message_id`) WHERE client_message_id is not null;--> statement-breakpoint
CREATE INDEX `messages_bulk` ON `messages` (`bulk_id`,`status`) WHERE bulk_id is not null;--> statement-breakpoint
CREATE INDEX `messages_line` ON `messages` (`session_id`,`position`) WHERE status = 'queued' and position is not null;--> statement-breakpoint
CREATE INDEX `messages_scheduled` ON `messages` (`scheduled_at`) WHERE status = 'queued' and position is null;--> statement-breakpoint
CREATE INDEX `messages_expiring` ON `messages` (`expires_at`) WHERE status = 'queued' and expires_at is not null;--> statement-breakpoint
CREATE INDEX `messages_handed` ON `messages` (`session_id`,`handed_at`) WHERE handed_at is not null;--> statement-breakpoint
CREATE INDEX `messages_unknown` ON `messages` (`session_id`) WHERE status = 'unknown';--> statement-breakpoint
CREATE INDEX `messages_media` ON `messages` (`media_sha256`) WHERE media_sha256 is not null;--> statement-breakpoint
CREATE INDEX `messages_sending` ON `messages` (`session_id`) WHERE status = 'sending';--> statement-breakpoint
CREATE INDEX `events_at` ON `events` (`at`);--> statement-breakpoint
UPDATE `events` SET `type` = 'session.status' WHERE `type` = 'status';--> statement-breakpoint
UPDATE `events` SET `type` = 'session.created' WHERE `type` = 'session_created';--> statement-breakpoint
UPDATE `events` SET `type` = 'session.deleted' WHERE `type` = 'session_deleted';--> statement-breakpoint
UPDATE `events` SET `type` = 'message.received' WHERE `type` = 'message_received';--> statement-breakpoint
DELETE FROM `events` WHERE `type` IN ('message_ack', 'send_settled');
