-- Reports whose reporters are not told that something was done, since nobody is to learn of that.

ALTER TABLE reports ADD COLUMN is_quiet {bool} NOT NULL DEFAULT FALSE;
