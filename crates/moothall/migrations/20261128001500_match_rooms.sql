-- Matches say whose machine hosts them in the word of the wire, and whether the room of their players is open. See `matches/rooms.rs`.

ALTER TABLE matches ADD COLUMN host_kind {text} NOT NULL DEFAULT 'player';
UPDATE matches SET host_kind = 'dedicated' WHERE is_dedicated;
ALTER TABLE matches DROP COLUMN is_dedicated;
ALTER TABLE matches ADD COLUMN has_room {bool} NOT NULL DEFAULT FALSE;
CREATE INDEX matches_with_room ON matches (id) WHERE has_room;
