-- Addresses that were typed and not shown to be their owner's: several accounts may have the same. See `credentials.rs`.

ALTER TABLE users ADD COLUMN typed_email_key {text};
CREATE INDEX users_by_typed_email ON users (typed_email_key, created_at) WHERE typed_email_key IS NOT NULL;
UPDATE users SET typed_email_key = lower(email) WHERE email IS NOT NULL AND email_key IS NULL AND erased_at IS NULL;

-- Who came and did not go: whoever is still here when the server starts was cut off.
CREATE INDEX users_here ON users (id)
    WHERE last_login_at IS NOT NULL AND (last_logout_at IS NULL OR last_logout_at < last_login_at);
