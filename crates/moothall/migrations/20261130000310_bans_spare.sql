-- A ban may let in who had an account before it was made.

ALTER TABLE bans ADD COLUMN spares_older {bool} NOT NULL DEFAULT FALSE;
