-- Changes of users' settings are numbered, so that other processes on the same database find those they have not seen: see `settings.rs`.
ALTER TABLE user_settings ADD COLUMN change {i64} NOT NULL DEFAULT 0; -- 0: it was before, or by a server that does not number
CREATE INDEX user_settings_in_order ON user_settings (change);
DROP INDEX user_settings_by_change;

-- The last number there was. Whoever takes one holds the row until the commit, so that numbers are committed in their order.
CREATE TABLE user_settings_numbers (
    id   {i16} NOT NULL, -- there is one row
    last {i64} NOT NULL,
    CONSTRAINT user_settings_numbers_pkey PRIMARY KEY (id)
) {strict};
