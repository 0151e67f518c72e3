-- Matches, who was in them, and how they ended. See `matches.rs`. Rows stay when a user is erased: what is left of the user is a tombstone,
-- so that what a match was to the others stays whole.

CREATE TABLE matches (
    id            {id}   NOT NULL, -- made in the order of time: lists go by it
    lobby_id      {id},            -- no foreign key: lobbies go
    host_id       {id},            -- NULL until one is found
    is_dedicated  {bool} NOT NULL, -- whether the host is a dedicated one
    mode          {text} NOT NULL,
    map           {text},
    name          {text} NOT NULL,
    is_rated      {bool} NOT NULL,
    is_hidden     {bool} NOT NULL, -- whether only those in it know of it
    status        {text} NOT NULL,
    result_status {text} NOT NULL,
    outcome       {text},          -- won, draw or none, once that is confirmed
    is_live       {bool} NOT NULL, -- whether something may come of it by itself
    team_count    {i64}  NOT NULL,
    team_size     {i64}  NOT NULL,
    player_count  {i64}  NOT NULL,
    created_at    {time} NOT NULL,
    started_at    {time},
    ended_at      {time},
    state         {json} NOT NULL, -- all of it: see `matches/game/state.rs`
    version       {i64}  NOT NULL,
    CONSTRAINT matches_pkey PRIMARY KEY (id),
    CONSTRAINT matches_host_id_fkey FOREIGN KEY (host_id) REFERENCES users (id)
) {strict};
CREATE INDEX matches_by_mode ON matches (mode, id);
CREATE INDEX matches_by_map ON matches (map, id);
CREATE INDEX matches_by_host ON matches (host_id, id);
CREATE INDEX matches_by_lobby ON matches (lobby_id, id);
CREATE INDEX matches_live ON matches (id) WHERE is_live;
CREATE INDEX matches_live_by_host ON matches (host_id, id) WHERE is_live;

CREATE TABLE match_members (
    match_id  {id}   NOT NULL,
    user_id   {id}   NOT NULL,
    team      {i64},           -- NULL for who watched
    party_id  {id},            -- no foreign key: parties go
    result    {text},          -- won, lost or draw, once that is known
    joined_at {time} NOT NULL,
    left_at   {time},          -- before the end, as the host saw it, how, and what it said about it
    left_why  {text},
    left_note {text},
    is_live   {bool} NOT NULL, -- whether the match is
    CONSTRAINT match_members_pkey PRIMARY KEY (match_id, user_id),
    CONSTRAINT match_members_match_id_fkey FOREIGN KEY (match_id) REFERENCES matches (id),
    CONSTRAINT match_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX match_members_by_user ON match_members (user_id, match_id);
CREATE INDEX match_members_live ON match_members (user_id, match_id) WHERE is_live;

CREATE TABLE match_tags (
    tag      {text} NOT NULL,
    match_id {id}   NOT NULL,
    CONSTRAINT match_tags_pkey PRIMARY KEY (tag, match_id),
    CONSTRAINT match_tags_match_id_fkey FOREIGN KEY (match_id) REFERENCES matches (id)
) {strict};

-- Every version of a result. Only ever added to.
CREATE TABLE match_results (
    match_id   {id}   NOT NULL,
    version    {i64}  NOT NULL,
    said_by    {text} NOT NULL, -- host, quorum or staff
    user_id    {id},            -- who it was
    api_key_id {id},            -- no foreign key: keys go
    reason     {text},
    result     {json} NOT NULL,
    players    {json} NOT NULL, -- what it says of each player
    at         {time} NOT NULL,
    CONSTRAINT match_results_pkey PRIMARY KEY (match_id, version),
    CONSTRAINT match_results_match_id_fkey FOREIGN KEY (match_id) REFERENCES matches (id)
) {strict};
