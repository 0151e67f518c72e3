-- Actions of which only staff knows: marks, and what is hidden from whom it hits.

ALTER TABLE moderation_actions ADD COLUMN is_quiet {bool} NOT NULL DEFAULT FALSE;
UPDATE moderation_actions SET is_quiet = TRUE WHERE kind = 'mark';
