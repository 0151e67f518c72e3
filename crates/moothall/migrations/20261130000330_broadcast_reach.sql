-- How many inboxes a broadcast was written into, also after those are gone.

ALTER TABLE broadcasts ADD COLUMN reached {i64} NOT NULL DEFAULT 0;
UPDATE broadcasts SET reached = COALESCE(written, (SELECT COUNT(*) FROM notifications n WHERE n.broadcast_id = broadcasts.id));
