-- That what somebody may do has changed, for other processes on the same database. See `accounts/changes.rs`.
CREATE TABLE account_changes (
    id    {id}   NOT NULL,
    whose {id},            -- none: a role changed, so perhaps everybody's
    at    {time} NOT NULL,
    CONSTRAINT account_changes_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX account_changes_in_order ON account_changes (at, id);

-- Keys whose time is over.
CREATE INDEX api_keys_by_end ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
