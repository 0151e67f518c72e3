-- Letters to one address, whomever they concern: its owner is not to be flooded by strangers' sign-ups.
ALTER TABLE letters ADD COLUMN recipient_key {text}; -- in lower case; none: written before this was counted
CREATE INDEX letters_by_recipient ON letters (recipient_key, kind, created_at) WHERE recipient_key IS NOT NULL;
