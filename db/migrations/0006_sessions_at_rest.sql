CREATE TABLE `warm_runners` (
	`profile_id` text PRIMARY KEY NOT NULL,
	`runner_id` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `warm_runners_runner_id_unique` ON `warm_runners` (`runner_id`);--> statement-breakpoint
ALTER TABLE `profiles` ADD `generation` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `whatsapp_version_pin` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `hibernate_after_minutes` integer;