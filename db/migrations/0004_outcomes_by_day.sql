CREATE TABLE `message_days` (
	`session_id` text NOT NULL,
	`day` integer NOT NULL,
	`status` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`session_id`, `day`, `status`)
);
--> statement-breakpoint
INSERT INTO `message_days` (`session_id`, `day`, `status`, `count`) SELECT `session_id`, coalesce(`handed_at`, `created_at`) / 86400000, `status`, count(*) FROM `messages` WHERE `status` NOT IN ('queued', 'sending') GROUP BY 1, 2, 3;--> statement-breakpoint
CREATE TRIGGER `messages_outcome_added` AFTER INSERT ON `messages` WHEN new.status NOT IN ('queued', 'sending') BEGIN
  INSERT INTO `message_days` (`session_id`, `day`, `status`, `count`) VALUES (new.session_id, coalesce(new.handed_at, new.created_at) / 86400000, new.status, 1)
    ON CONFLICT DO UPDATE SET `count` = `count` + 1;
END;--> statement-breakpoint
CREATE TRIGGER `messages_outcome_moved` AFTER UPDATE OF `status` ON `messages` WHEN old.status <> new.status AND new.status NOT IN ('queued', 'sending') BEGIN
  UPDATE `message_days` SET `count` = `count` - 1 WHERE `session_id` = old.session_id AND `day` = coalesce(old.handed_at, old.created_at) / 86400000 AND `status` = old.status;
  INSERT INTO `message_days` (`session_id`, `day`, `status`, `count`) VALUES (new.session_id, coalesce(new.handed_at, new.created_at) / 86400000, new.status, 1)
    ON CONFLICT DO UPDATE SET `count` = `count` + 1;
END;--> statement-breakpoint
CREATE INDEX `suppressions_recipient` ON `suppressions` (`recipient`);--> statement-breakpoint
DROP VIEW `session_overview`;--> statement-breakpoint
CREATE VIEW `backlog` AS 
  select w.session_id as session, coalesce(s.status, 'deleted') as session_status, s.reason as session_reason,
    w.queued, w.in_all - w.queued - coalesce(p.paused, 0) as scheduled, coalesce(p.paused, 0) as paused, w.sending,
    (select strftime('%Y-%m-%d %H:%M:%S', max(m.created_at, coalesce(m.scheduled_at, 0)) / 1000, 'unixepoch') from messages m
      where m.session_id = w.session_id and m.status = 'queued' and m.position is not null
      order by m.position limit 1) as oldest_queued
  from (
    select c.session_id,
      sum(case c.status when 'queued' then c.count else 0 end) as in_all,
      sum(case c.status when 'sending' then c.count else 0 end) as sending,
      (select count(*) from messages m
        where m.session_id = c.session_id and m.status = 'queued' and m.position is not null) as queued
    from message_counts c where c.status in ('queued', 'sending') and c.count > 0 group by c.session_id
  ) w
  left join sessions s on s.id = w.session_id
  left join (
    select b.session_id, count(*) as paused
    from bulks b cross join messages m on m.bulk_id = b.id and m.status = 'queued'
    where b.state = 'paused' group by b.session_id
  ) p on p.session_id = w.session_id
  order by w.session_id;--> statement-breakpoint
CREATE VIEW `outcome_by_day` AS 
  select date(day * 86400, 'unixepoch') as day, session_id as session,
    sum(case when status in ('sent', 'delivered', 'read') then count else 0 end) as sent,
    sum(case when status in ('delivered', 'read') then count else 0 end) as delivered,
    sum(case status when 'read' then count else 0 end) as read,
    sum(case status when 'failed' then count else 0 end) as failed,
    sum(case status when 'unknown' then count else 0 end) as unknown,
    sum(case status when 'expired' then count else 0 end) as expired,
    sum(case status when 'cancelled' then count else 0 end) as cancelled
  from message_days group by message_days.day, session_id having sum(count) > 0
  order by message_days.day desc, session_id;--> statement-breakpoint
CREATE VIEW `unknown_messages` AS 
  select id as message, session_id as session, recipient, type, substr(body, 1, 60) as text,
    strftime('%Y-%m-%d %H:%M:%S', handed_at / 1000, 'unixepoch') as handed_over, attempts, error_message as error, whatsapp_id, bulk_id as bulk
  from messages where status = 'unknown' order by created_at desc, id desc;--> statement-breakpoint
CREATE VIEW `session_overview` AS 
  select s.id as session, s.status, s.reason, s.detail, s.desired as wanted,
    coalesce(s.linked_phone_number, s.expected_phone_number) as phone_number, s.push_name as name,
    s.whatsapp_version, s.runner_id as runner,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('sent', 'delivered', 'read')) as messages_sent, (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('failed')) as messages_failed,
    (select coalesce(sum(c.count), 0) from message_counts c where c.session_id = s.id and c.status in ('unknown')) as messages_unknown,
    strftime('%Y-%m-%d %H:%M:%S', s.created_at / 1000, 'unixepoch') as created, strftime('%Y-%m-%d %H:%M:%S', s.connected_at / 1000, 'unixepoch') as connected,
    strftime('%Y-%m-%d %H:%M:%S', s.updated_at / 1000, 'unixepoch') as updated
  from sessions s order by s.id;