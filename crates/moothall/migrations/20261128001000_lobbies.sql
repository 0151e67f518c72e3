-- Lobbies, who is in them, and game modes. See `lobbies.rs`.

CREATE TABLE lobbies (
    id           {id}   NOT NULL,
    code         {text} NOT NULL,
    host_id      {id}   NOT NULL,
    is_dedicated {bool} NOT NULL, -- whether the host is none of the members
    mode         {json} NOT NULL, -- the game mode as it was when the lobby opened
    state        {json} NOT NULL, -- all else: see `lobbies/lobby/state.rs`
    version      {i64}  NOT NULL,
    created_at   {time} NOT NULL,
    CONSTRAINT lobbies_pkey PRIMARY KEY (id),
    CONSTRAINT lobbies_code UNIQUE (code),
    CONSTRAINT lobbies_host_id_fkey FOREIGN KEY (host_id) REFERENCES users (id)
) {strict};
CREATE INDEX lobbies_by_dedicated_host ON lobbies (host_id) WHERE is_dedicated;

-- The key is the user: nobody is in two lobbies.
CREATE TABLE lobby_members (
    user_id  {id} NOT NULL,
    lobby_id {id} NOT NULL,
    CONSTRAINT lobby_members_pkey PRIMARY KEY (user_id),
    CONSTRAINT lobby_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT lobby_members_lobby_id_fkey FOREIGN KEY (lobby_id) REFERENCES lobbies (id)
) {strict};
CREATE INDEX lobby_members_by_lobby ON lobby_members (lobby_id);

CREATE TABLE game_modes (
    slug    {text} NOT NULL,
    mode    {json} NOT NULL,
    version {i64}  NOT NULL,
    CONSTRAINT game_modes_pkey PRIMARY KEY (slug)
) {strict};

-- So that a fresh server has lobbies. The operator may change it or take it away.
INSERT INTO game_modes (slug, version, mode) VALUES ('free', 1, '{"slug":"free","name":"Free play",
    "teams":{"count_min":1,"count_max":8,"size_min":1,"size_max":32,"default":{"count":2,"size":8}},
    "roles":[],"maps":[],"spectators_max":100,"players_min":1,"allows_bots":true,"joins_running":true,
    "needs_ready":false,"version":1}');
