-- Who holds which name. See `accounts/names.rs`.
CREATE TABLE name_claims (
    form       {text} NOT NULL, -- a name folded, or its skeleton; a user holds both
    user_id    {id}   NOT NULL,
    held_until {time},          -- set when the user let it go: nobody else may take it before
    CONSTRAINT name_claims_pkey PRIMARY KEY (form),
    CONSTRAINT name_claims_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX name_claims_by_user ON name_claims (user_id);
CREATE INDEX name_claims_by_end ON name_claims (held_until) WHERE held_until IS NOT NULL;
