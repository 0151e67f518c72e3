-- Lobbies talk in rooms of their own. See `lobbies/rooms.rs`.

-- Those that opened before there were such rooms are closed: no release had them.
DELETE FROM lobby_members;
DELETE FROM lobbies;

-- Rooms of lobbies that have closed. The room is told after the commit, or when the server starts again.
CREATE TABLE closing_lobby_rooms (
    room_id {id} NOT NULL,
    CONSTRAINT closing_lobby_rooms_pkey PRIMARY KEY (room_id)
) {strict};

-- Policies by which the server keeps lobbies open. See `lobbies/policies.rs`.
CREATE TABLE lobby_policies (
    slug    {text} NOT NULL,
    policy  {json} NOT NULL,
    version {i64}  NOT NULL,
    CONSTRAINT lobby_policies_pkey PRIMARY KEY (slug)
) {strict};

-- Matches that need their host no longer. The pool is told after the commit, or when the server starts again.
CREATE TABLE released_host_places (
    match_id {id} NOT NULL,
    CONSTRAINT released_host_places_pkey PRIMARY KEY (match_id)
) {strict};

-- Rooms of what has ended, which go when nothing is left of what was said in them.
CREATE INDEX rooms_of_what_ended ON rooms (id)
    WHERE kind IN ('party', 'lobby', 'lobby_spectators', 'match') AND archived_at IS NOT NULL;
DROP INDEX rooms_of_ended_parties;
