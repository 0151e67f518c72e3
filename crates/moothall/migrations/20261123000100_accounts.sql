-- Users, and every way in. See `accounts.rs`. Secrets are 256 random bits and stand here as SHA-256; passwords as Argon2id.

CREATE TABLE users (
    id                  {id}    NOT NULL,
    name                {text}  NOT NULL, -- as shown; who holds which name is in name_claims
    name_key            {text}  NOT NULL, -- folded, for search and order
    email               {text},           -- as given
    email_key           {text},           -- folded; no two users share one
    email_verified_at   {time},
    approved_at         {time},           -- verified by staff, where the site asks for that
    password            {text},           -- PHC string; none for guests and bots
    password_changed_at {time},
    guest_secret        {bytes},          -- what a guest signs in with
    is_guest            {bool}  NOT NULL,
    is_bot              {bool}  NOT NULL,
    owner_id            {id},             -- of a bot: who answers for it
    alternate_of        {id},             -- the account this is an alternate of
    behaviour_score     {i64}   NOT NULL, -- how well behaved; high is good, as in all three
    trust_score         {i64}   NOT NULL, -- how accurate when reporting others
    social_score        {i64}   NOT NULL, -- how liked by other players
    is_shadow_banned    {bool}  NOT NULL,
    version             {i64}   NOT NULL,
    created_at          {time}  NOT NULL,
    updated_at          {time}  NOT NULL,
    renamed_at          {time},
    last_login_at       {time},           -- the first session of a user who had none
    last_logout_at      {time},
    last_played_at      {time},
    delete_after        {time},           -- the owner asked for deletion; erased once this is past
    erased_at           {time},           -- a tombstone: nothing personal is left
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id),
    CONSTRAINT users_alternate_of_fkey FOREIGN KEY (alternate_of) REFERENCES users (id)
) {strict};
CREATE UNIQUE INDEX users_email_key ON users (email_key);
CREATE UNIQUE INDEX users_guest_secret ON users (guest_secret);
CREATE INDEX users_by_name ON users (name_key, id);
CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_last_login ON users (last_login_at, id);
CREATE INDEX users_by_last_logout ON users (last_logout_at, id);
CREATE INDEX users_by_last_played ON users (last_played_at, id);
CREATE INDEX users_by_alternate ON users (alternate_of) WHERE alternate_of IS NOT NULL;
CREATE INDEX users_by_owner ON users (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX users_by_deletion ON users (delete_after) WHERE delete_after IS NOT NULL;

-- A signed-in client. Its row ends with it; refresh tokens are columns, so a family needs one row however long it lives.
CREATE TABLE sessions (
    id             {id}    NOT NULL,
    user_id        {id}    NOT NULL,
    kind           {text}  NOT NULL,
    agent          {text},           -- what the client calls itself
    place          {text},           -- prefix of the address: /24 or /48
    family         {bytes} NOT NULL, -- hash of the part all refresh tokens of the session share
    refresh        {bytes} NOT NULL, -- hash of the part of the newest
    previous       {bytes},          -- hash of the part of the one before
    salt           {bytes},          -- made the newest out of the one before, so that an honest retry gets the same
    rotated_at     {time},
    created_at     {time}  NOT NULL,
    last_seen_at   {time}  NOT NULL,
    expires_at     {time}  NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX sessions_by_user ON sessions (user_id, last_seen_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- One-use sign-in codes of 30 seconds.
CREATE TABLE sign_in_codes (
    code       {bytes} NOT NULL, -- SHA-256
    user_id    {id}    NOT NULL,
    kind       {text}  NOT NULL,
    expires_at {time}  NOT NULL,
    CONSTRAINT sign_in_codes_pkey PRIMARY KEY (code),
    CONSTRAINT sign_in_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX sign_in_codes_by_end ON sign_in_codes (expires_at);
CREATE INDEX sign_in_codes_by_user ON sign_in_codes (user_id);

-- Failed guesses by whom or where: see `accounts/throttle.rs`.
CREATE TABLE sign_in_failures (
    subject    {bytes} NOT NULL, -- SHA-256 of a typed name or of a network
    failures   {i64}   NOT NULL,
    open_at    {time}  NOT NULL, -- no guess before this
    forget_at  {time}  NOT NULL,
    CONSTRAINT sign_in_failures_pkey PRIMARY KEY (subject)
) {strict};
CREATE INDEX sign_in_failures_by_end ON sign_in_failures (forget_at);

-- Networks from which a user has signed in: there, strangers' guesses do not lock the owner out.
CREATE TABLE known_networks (
    user_id   {id}    NOT NULL,
    network   {bytes} NOT NULL, -- SHA-256 of user and network
    forget_at {time}  NOT NULL,
    CONSTRAINT known_networks_pkey PRIMARY KEY (user_id, network),
    CONSTRAINT known_networks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX known_networks_by_end ON known_networks (forget_at);

CREATE TABLE roles (
    name       {text} NOT NULL,
    about      {text} NOT NULL,
    is_seeded  {bool} NOT NULL, -- comes with the server and stays
    version    {i64}  NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (name)
) {strict};

CREATE TABLE role_permissions (
    role       {text} NOT NULL,
    permission {text} NOT NULL, -- `*` is every permission
    CONSTRAINT role_permissions_pkey PRIMARY KEY (role, permission),
    CONSTRAINT role_permissions_role_fkey FOREIGN KEY (role) REFERENCES roles (name)
) {strict};

CREATE TABLE grants (
    id         {id}   NOT NULL,
    user_id    {id}   NOT NULL,
    role       {text} NOT NULL,
    granted_by {id},           -- none: the server itself
    reason     {text} NOT NULL,
    created_at {time} NOT NULL,
    ends_at    {time},
    CONSTRAINT grants_pkey PRIMARY KEY (id),
    CONSTRAINT grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT grants_role_fkey FOREIGN KEY (role) REFERENCES roles (name)
) {strict};
CREATE UNIQUE INDEX grants_once_per_role ON grants (user_id, role);
CREATE INDEX grants_by_role ON grants (role, id);

CREATE TABLE api_keys (
    id           {id}    NOT NULL,
    user_id      {id}    NOT NULL, -- the key acts as this user
    name         {text}  NOT NULL,
    kind         {text}  NOT NULL,
    secret       {bytes} NOT NULL, -- SHA-256
    scopes       {json}  NOT NULL, -- permissions; never more than the owner has
    created_by   {id},
    created_at   {time}  NOT NULL,
    last_used_at {time},
    expires_at   {time},
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

-- Keys that sign access tokens. The newest signs; the others are there until the last token they signed is over.
CREATE TABLE signing_keys (
    id         {text}  NOT NULL,
    seed       {bytes} NOT NULL,
    public_key {bytes} NOT NULL,
    created_at {time}  NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (id)
) {strict};

-- At most one row: the way to become the first administrator.
CREATE TABLE administrator_tokens (
    id         {i64}   NOT NULL,
    token      {bytes} NOT NULL, -- SHA-256
    created_at {time}  NOT NULL,
    CONSTRAINT administrator_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT administrator_tokens_one_row CHECK (id = 1)
) {strict};
