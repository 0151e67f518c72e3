-- Messages that their senders deleted after a moderator had: taking back what the moderator did puts them nowhere.

ALTER TABLE messages ADD COLUMN disowned {bool} NOT NULL DEFAULT FALSE;
