-- The first contact of two users, and what one of them does not hear of.

ALTER TABLE room_members ADD COLUMN contact {text}; -- in a direct conversation: held or declined; NULL where it is open
CREATE INDEX room_members_held ON room_members (user_id, room_id) WHERE contact = 'held';
ALTER TABLE messages ADD COLUMN withheld {bool} NOT NULL DEFAULT FALSE; -- in a direct conversation: from the other one
CREATE INDEX messages_withheld ON messages (room_id, seq) WHERE withheld;
