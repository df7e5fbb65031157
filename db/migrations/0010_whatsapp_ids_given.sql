DROP INDEX `messages_whatsapp_id`;--> statement-breakpoint
CREATE INDEX `messages_whatsapp_id` ON `messages` (`whatsapp_id`) WHERE whatsapp_id is not null;