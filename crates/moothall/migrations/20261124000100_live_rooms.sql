-- Rooms whose messages are kept nowhere.

ALTER TABLE rooms ADD COLUMN live_only {bool} NOT NULL DEFAULT FALSE;
