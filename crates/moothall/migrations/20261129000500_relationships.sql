-- What users are to each other: one row for what one of them made of it. See `relationships.rs`.

CREATE TABLE relationships (
    user_id       {id}   NOT NULL, -- whose it is
    other_id      {id}   NOT NULL, -- toward whom
    asked_at      {time},          -- a friend request that waits for the other one
    message       {text},          -- what it says
    friends_at    {time},          -- in both rows, or in none
    follows_at    {time},
    ignores_at    {time},
    avoids_at     {time},
    avoids_until  {time},          -- NULL for ever
    blocks_at     {time},
    note          {text},
    CONSTRAINT relationships_pkey PRIMARY KEY (user_id, other_id),
    CONSTRAINT relationships_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT relationships_other_id_fkey FOREIGN KEY (other_id) REFERENCES users (id)
) {strict};
CREATE INDEX relationships_by_other ON relationships (other_id, user_id);
CREATE INDEX relationships_friends ON relationships (user_id, other_id) WHERE friends_at IS NOT NULL;
CREATE INDEX relationships_asked ON relationships (user_id, other_id) WHERE asked_at IS NOT NULL;
CREATE INDEX relationships_asked_by ON relationships (other_id, user_id) WHERE asked_at IS NOT NULL;
CREATE INDEX relationships_following ON relationships (user_id, other_id) WHERE follows_at IS NOT NULL;
CREATE INDEX relationships_followers ON relationships (other_id, user_id) WHERE follows_at IS NOT NULL;
CREATE INDEX relationships_ignored ON relationships (user_id, other_id) WHERE ignores_at IS NOT NULL;
CREATE INDEX relationships_avoided ON relationships (user_id, other_id) WHERE avoids_at IS NOT NULL;
CREATE INDEX relationships_blocked ON relationships (user_id, other_id) WHERE blocks_at IS NOT NULL;
-- Of whom somebody wants to hear nothing.
CREATE INDEX relationships_shut ON relationships (other_id, user_id) WHERE ignores_at IS NOT NULL OR blocks_at IS NOT NULL;
CREATE INDEX relationships_avoided_until ON relationships (avoids_until) WHERE avoids_until IS NOT NULL;
