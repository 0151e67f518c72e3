-- Parties, who is in them and who is invited. See `parties.rs`.

CREATE TABLE parties (
    id            {id}   NOT NULL,
    leader_id     {id}   NOT NULL,
    code          {text},          -- NULL once it has ended
    max_members   {i64}  NOT NULL,
    invites_by    {text} NOT NULL, -- leader or members
    is_open       {bool} NOT NULL,
    follow_leader {bool} NOT NULL,
    room_id       {id}   NOT NULL, -- no foreign key: the room of a party that has ended goes when its history does
    version       {i64}  NOT NULL,
    created_at    {time} NOT NULL,
    ended_at      {time},          -- set until its room is closed, then the row goes
    CONSTRAINT parties_pkey PRIMARY KEY (id),
    CONSTRAINT parties_code UNIQUE (code)
) {strict};

-- The key is the user: nobody is in two parties.
CREATE TABLE party_members (
    user_id   {id}   NOT NULL,
    party_id  {id}   NOT NULL,
    number    {i64}  NOT NULL, -- the party's version when they came
    joined_at {time} NOT NULL,
    is_ready  {bool} NOT NULL,
    CONSTRAINT party_members_pkey PRIMARY KEY (user_id),
    CONSTRAINT party_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT party_members_party_id_fkey FOREIGN KEY (party_id) REFERENCES parties (id)
) {strict};
CREATE INDEX party_members_by_party ON party_members (party_id);

CREATE TABLE party_invites (
    user_id    {id}   NOT NULL,
    party_id   {id}   NOT NULL,
    number     {i64}  NOT NULL, -- the party's version when it was sent
    invited_by {id}   NOT NULL,
    sent_at    {time} NOT NULL,
    expires_at {time} NOT NULL,
    CONSTRAINT party_invites_pkey PRIMARY KEY (user_id, party_id),
    CONSTRAINT party_invites_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT party_invites_party_id_fkey FOREIGN KEY (party_id) REFERENCES parties (id)
) {strict};
CREATE INDEX party_invites_by_party ON party_invites (party_id);

-- Rooms of parties that have ended, which go when nothing is left of what was said in them.
CREATE INDEX rooms_of_ended_parties ON rooms (id) WHERE kind = 'party' AND archived_at IS NOT NULL;
