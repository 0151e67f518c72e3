-- Rooms that nobody is in, for the sweep that archives them. See `communication.rs`.

CREATE INDEX rooms_empty ON rooms (id) WHERE members = 0 AND archived_at IS NULL;
