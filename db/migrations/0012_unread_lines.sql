CREATE TABLE `unread_lines` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`session_id` text NOT NULL,
	`seq` integer,
	`why` text NOT NULL,
	`line` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `unread_lines_session` ON `unread_lines` (`session_id`);--> statement-breakpoint
ALTER TABLE `profiles` ADD `unread_lines` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `profiles` ADD `unread_at` integer;