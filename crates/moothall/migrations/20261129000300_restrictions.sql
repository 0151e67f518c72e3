-- What users may not do, by what they are known beside their accounts, and what of that is banned. See `restrictions.rs`.

CREATE TABLE restrictions (
    id            {id}   NOT NULL,
    user_id       {id}   NOT NULL,
    types         {json} NOT NULL, -- names
    scope         {json} NOT NULL,
    reason        {text} NOT NULL, -- for staff
    public_reason {text} NOT NULL, -- for the user
    evidence      {json} NOT NULL,
    author_id     {id},            -- NULL for the server itself
    source        {text} NOT NULL,
    action_id     {id},
    appeal_id     {id},
    starts_at     {time} NOT NULL,
    ends_at       {time},
    matches       {i64},           -- ends after so many
    matches_left  {i64},
    ended_at      {time},          -- holds no longer; one whose time is over may not be marked yet
    ended_by      {text},
    lifted_by     {id},
    lift_reason   {text},
    CONSTRAINT restrictions_pkey PRIMARY KEY (id),
    CONSTRAINT restrictions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX restrictions_by_user ON restrictions (user_id, id);
CREATE INDEX restrictions_that_hold ON restrictions (user_id) WHERE ended_at IS NULL;
CREATE INDEX restrictions_by_end ON restrictions (ends_at, id) WHERE ended_at IS NULL AND ends_at IS NOT NULL;
CREATE INDEX restrictions_by_action ON restrictions (action_id) WHERE action_id IS NOT NULL;

-- Networks, devices (hashed) and e-mail domains of users. Networks stand as 32 hexadecimal digits, so that they have an order.
CREATE TABLE user_traces (
    user_id       {id}   NOT NULL,
    kind          {text} NOT NULL,
    value         {text} NOT NULL,
    first_seen_at {time} NOT NULL,
    last_seen_at  {time} NOT NULL,
    CONSTRAINT user_traces_pkey PRIMARY KEY (user_id, kind, value)
) {strict};
CREATE INDEX user_traces_by_value ON user_traces (kind, value, user_id);
CREATE INDEX user_traces_by_age ON user_traces (last_seen_at);

CREATE TABLE bans (
    id            {id}   NOT NULL,
    kind          {text} NOT NULL,
    value         {text} NOT NULL,
    reason        {text} NOT NULL,
    public_reason {text} NOT NULL,
    author_id     {id},
    created_at    {time} NOT NULL,
    ends_at       {time} NOT NULL,
    CONSTRAINT bans_pkey PRIMARY KEY (id),
    CONSTRAINT bans_value UNIQUE (kind, value)
) {strict};
CREATE INDEX bans_by_end ON bans (ends_at);

-- A session that opens nothing but what a user may do who is restricted from signing in.
ALTER TABLE sessions ADD COLUMN is_limited {bool} NOT NULL DEFAULT FALSE;
