-- Whether somebody else brought the member in: such rooms and groups count apart.

ALTER TABLE room_members ADD COLUMN brought_in {bool} NOT NULL DEFAULT FALSE;
