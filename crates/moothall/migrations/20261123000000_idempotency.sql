-- Answers to guarded requests, kept for a day. See `idempotency.rs`.
CREATE TABLE idempotency_keys (
    id         {bytes} NOT NULL, -- SHA-256 of caller and key
    request    {bytes} NOT NULL, -- SHA-256 of operation and input
    answer     {bytes} NOT NULL, -- sealed with a key derived from the client's own
    created_at {time}  NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
