CREATE TABLE `known_accounts` (
	`form` text PRIMARY KEY NOT NULL,
	`account` text NOT NULL,
	`learnt_from` text NOT NULL,
	`learnt_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `known_accounts_account` ON `known_accounts` (`account`);--> statement-breakpoint
ALTER TABLE `messages` ADD `repeat_hash` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `unanswered_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `edited_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `revoked_at` integer;--> statement-breakpoint
CREATE INDEX `messages_unanswered` ON `messages` (`unanswered_at`,`session_id`,`repeat_hash`) WHERE unanswered_at is not null;--> statement-breakpoint
ALTER TABLE `sessions` ADD `name` text;--> statement-breakpoint
DROP VIEW `session_overview`;--> statement-breakpoint
CREATE VIEW `session_overview` AS 
  select s.id as session, s.name, s.status, s.reason, s.detail, s.desired as wanted,
    coalesce(s.linked_phone_number, s.expected_phone_number) as phone_number, s.push_name,
    s.whatsapp_version, s.runner_id as runner,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('sent', 'delivered', 'read')) as messages_sent, (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('failed')) as messages_failed,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('unknown')) as messages_unknown,
    strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', s.connected_at / 1000, 'unixepoch') as connected,
    strftime('%Y-%m-%d %H:%M:%S', s.updated_at / 1000, 'unixepoch') as updated
  from sessions s order by s.id;--> statement-breakpoint
INSERT INTO `known_accounts` SELECT recipient, substr(whatsapp_id, 6, instr(whatsapp_id, '@lid') - 2), 'sent', max(coalesce(sent_at, created_at))
FROM `messages` WHERE whatsapp_id LIKE 'true\_%@lid\_%' ESCAPE '\' AND recipient NOT LIKE '%@%' GROUP BY recipient;
