-- What staff has set of the site, over what the server was started with. See `settings.rs`.
CREATE TABLE site_settings (
    key        {text} NOT NULL,
    value      {json},          -- none: it was reset; the row stays for its version
    version    {i64}  NOT NULL,
    updated_at {time} NOT NULL,
    updated_by {id},            -- none: the server
    CONSTRAINT site_settings_pkey PRIMARY KEY (key)
) {strict};

-- What users have set for themselves, and nothing else: one row for each section.
CREATE TABLE user_settings (
    user_id    {id}   NOT NULL,
    section    {text} NOT NULL,
    entries    {json} NOT NULL,
    version    {i64}  NOT NULL,
    updated_at {time} NOT NULL,
    CONSTRAINT user_settings_pkey PRIMARY KEY (user_id, section),
    CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX user_settings_by_change ON user_settings (updated_at, user_id);
