-- That the lobby of a match was closed, and by whom, so that the match hears of it also after a crash.

ALTER TABLE matches ADD COLUMN lobby_closed {bool} NOT NULL DEFAULT FALSE;
ALTER TABLE matches ADD COLUMN lobby_closed_by {id};
