-- Addresses to which an account may still come back, which are nobody else's meanwhile.
CREATE INDEX email_codes_to_revoke ON email_codes (email_key) WHERE purpose = 'revoke';

-- A name the server made up for a guest, which the guest may leave without waiting.
ALTER TABLE users ADD COLUMN is_name_made_up {bool} NOT NULL DEFAULT FALSE;

-- When its user signed in, if a session came from a code that another session made: then, and not when the code was used.
ALTER TABLE sessions ADD COLUMN signed_in_at {time};
ALTER TABLE sign_in_codes ADD COLUMN signed_in_at {time};

-- Guesses whose password is being looked at, and since when.
ALTER TABLE sign_in_failures ADD COLUMN in_flight {i64} NOT NULL DEFAULT 0;
ALTER TABLE sign_in_failures ADD COLUMN flight_at {time};
