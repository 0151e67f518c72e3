-- Whoever is not heard writes messages like everybody, which only they and staff see: see `communication/shadows.rs`.

ALTER TABLE messages ADD COLUMN shadowed {bool} NOT NULL DEFAULT FALSE; -- seen by its sender and staff; then `withheld`, too
ALTER TABLE rooms ADD COLUMN numbered_seq {i64} NOT NULL DEFAULT 0; -- of the newest shadowed message; that of the newest of all if above last_seq
CREATE INDEX messages_shadowed ON messages (created_at) WHERE shadowed;
-- What stood here has no number of its own, and cannot be put in order. The table stays for servers of the version before this one.
DELETE FROM shadow_messages;
