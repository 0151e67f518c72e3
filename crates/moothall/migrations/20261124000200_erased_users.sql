-- Erased accounts, whom rooms let go of.

CREATE INDEX users_erased ON users (id) WHERE erased_at IS NOT NULL;
