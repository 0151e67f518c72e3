-- Names that users had. Whether one may be taken is in name_claims; this is for people to read.
CREATE TABLE former_names (
    id         {id}   NOT NULL,
    user_id    {id}   NOT NULL,
    name       {text} NOT NULL,
    until      {time} NOT NULL,
    changed_by {id},           -- none: the server
    CONSTRAINT former_names_pkey PRIMARY KEY (id),
    CONSTRAINT former_names_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX former_names_by_user ON former_names (user_id, until, id);

-- What a game or a tool keeps of a user, by key. See `accounts/extra.rs`.
CREATE TABLE user_extra (
    user_id      {id}   NOT NULL,
    key          {text} NOT NULL,
    audience     {text} NOT NULL,
    is_protected {bool} NOT NULL, -- written by staff or a host: the owner cannot change it
    value        {json} NOT NULL,
    version      {i64}  NOT NULL,
    updated_at   {time} NOT NULL,
    CONSTRAINT user_extra_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT user_extra_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};

-- Codes sent by e-mail: one use each, 256 random bits, kept as SHA-256. See `accounts/email.rs`.
CREATE TABLE email_codes (
    code       {bytes} NOT NULL,
    user_id    {id}    NOT NULL,
    purpose    {text}  NOT NULL, -- verify, change, revoke, reset
    email      {text}  NOT NULL, -- to verify, to change to, to change back to, or that it was sent to
    email_key  {text}  NOT NULL,
    created_at {time}  NOT NULL,
    expires_at {time}  NOT NULL,
    CONSTRAINT email_codes_pkey PRIMARY KEY (code),
    CONSTRAINT email_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX email_codes_by_user ON email_codes (user_id, purpose);
CREATE INDEX email_codes_by_end ON email_codes (expires_at);

-- Requests for a new password that were not looked at yet: whether the address is an account's is found out later, so that
-- the answer cannot tell.
CREATE TABLE reset_requests (
    id         {id}   NOT NULL,
    email_key  {text} NOT NULL,
    created_at {time} NOT NULL,
    CONSTRAINT reset_requests_pkey PRIMARY KEY (id)
) {strict};

-- Guests, for clearing those who did not come back.
CREATE INDEX users_guests ON users (created_at) WHERE is_guest AND erased_at IS NULL;
