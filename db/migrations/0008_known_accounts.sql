CREATE TABLE `known_accounts` (
	`form` text PRIMARY KEY NOT NULL,
	`account` text NOT NULL,
	`learnt_from` text NOT NULL,
	`learnt_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `known_accounts_account` ON `known_accounts` (`account`);--> statement-breakpoint
INSERT INTO `known_accounts` SELECT recipient, substr(whatsapp_id, 6, instr(whatsapp_id, '@lid') - 2), 'sent', max(coalesce(sent_at, created_at))
FROM `messages` WHERE whatsapp_id LIKE 'true\_%@lid\_%' ESCAPE '\' AND recipient NOT LIKE '%@%' GROUP BY recipient;
