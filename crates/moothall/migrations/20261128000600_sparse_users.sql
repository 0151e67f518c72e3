-- Most users have no e-mail address, and have never played: what is not there stands in no index, and costs no sign-up.

DROP INDEX users_email_key;
DROP INDEX users_guest_secret;
DROP INDEX users_by_last_login;
DROP INDEX users_by_last_logout;
DROP INDEX users_by_last_played;
CREATE UNIQUE INDEX users_email_key ON users (email_key) WHERE email_key IS NOT NULL;
CREATE UNIQUE INDEX users_guest_secret ON users (guest_secret) WHERE guest_secret IS NOT NULL;
CREATE INDEX users_by_last_login ON users (last_login_at, id) WHERE last_login_at IS NOT NULL;
CREATE INDEX users_by_last_logout ON users (last_logout_at, id) WHERE last_logout_at IS NOT NULL;
CREATE INDEX users_by_last_played ON users (last_played_at, id) WHERE last_played_at IS NOT NULL;
