-- JSON documents and flags for clients. See `remote_config.rs`.
CREATE TABLE remote_config_entries (
    key   {text} NOT NULL,
    entry {json} NOT NULL,
    CONSTRAINT remote_config_entries_pkey PRIMARY KEY (key)
) {strict};

-- Every change of any of them, numbered. Only ever appended to.
CREATE TABLE remote_config_changes (
    version {i64}  NOT NULL,
    key     {text} NOT NULL,
    entry   {json},          -- none: it was taken away
    at      {time} NOT NULL,
    by_user {id},            -- none: the server
    reason  {text} NOT NULL,
    CONSTRAINT remote_config_changes_pkey PRIMARY KEY (version)
) {strict};
CREATE INDEX remote_config_changes_by_key ON remote_config_changes (key, version);
