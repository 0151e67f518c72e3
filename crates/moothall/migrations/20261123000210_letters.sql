-- E-mails on their way. See `mail/outbox.rs`.
CREATE TABLE letters (
    id              {id}   NOT NULL,
    user_id         {id}   NOT NULL, -- whom it concerns
    kind            {text} NOT NULL, -- what it is about, in a word
    recipient       {text} NOT NULL,
    subject         {text} NOT NULL,
    body            {text} NOT NULL, -- emptied once the letter is sent or given up: there are links in it
    created_at      {time} NOT NULL,
    attempts        {i64}  NOT NULL,
    next_attempt_at {time},          -- none: sent or given up
    finished_at     {time},
    failure         {text},          -- why it was given up
    CONSTRAINT letters_pkey PRIMARY KEY (id),
    CONSTRAINT letters_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX letters_waiting ON letters (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX letters_finished ON letters (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX letters_by_user ON letters (user_id, kind, created_at);
