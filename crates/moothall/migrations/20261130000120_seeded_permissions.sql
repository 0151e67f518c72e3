-- What roles that the server comes with were given by it, each once: what is new with an update is given too, and what staff has taken away
-- stays away. See `accounts/roles.rs`.
CREATE TABLE seeded_permissions (
    role       {text} NOT NULL,
    permission {text} NOT NULL,
    CONSTRAINT seeded_permissions_pkey PRIMARY KEY (role, permission)
) {strict};
