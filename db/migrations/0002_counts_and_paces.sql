CREATE TABLE `message_counts` (
	`session_id` text NOT NULL,
	`status` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`session_id`, `status`)
);
--> statement-breakpoint
CREATE TABLE `paces` (
	`session_id` text PRIMARY KEY NOT NULL,
	`per_minute` integer,
	`burst` integer,
	`pause_ms` integer,
	`per_day` integer,
	`recipient_pause_ms` integer,
	`recipient_per_day` integer
);
--> statement-breakpoint
INSERT INTO `message_counts` (`session_id`, `status`, `count`) SELECT `session_id`, `status`, count(*) FROM `messages` GROUP BY 1, 2;--> statement-breakpoint
CREATE TRIGGER `messages_added` AFTER INSERT ON `messages` BEGIN
  INSERT INTO `message_counts` (`session_id`, `status`, `count`) VALUES (new.session_id, new.status, 1)
    ON CONFLICT DO UPDATE SET `count` = `count` + 1;
END;--> statement-breakpoint
CREATE TRIGGER `messages_moved` AFTER UPDATE OF `status` ON `messages` WHEN old.status <> new.status BEGIN
  UPDATE `message_counts` SET `count` = `count` - 1 WHERE `session_id` = old.session_id AND `status` = old.status;
  INSERT INTO `message_counts` (`session_id`, `status`, `count`) VALUES (new.session_id, new.status, 1)
    ON CONFLICT DO UPDATE SET `count` = `count` + 1;
END;--> statement-breakpoint
CREATE TRIGGER `messages_removed` AFTER DELETE ON `messages` BEGIN
  UPDATE `message_counts` SET `count` = `count` - 1 WHERE `session_id` = old.session_id AND `status` = old.status;
END;
