-- Who did what to whom, before, after, and why. Only ever appended to: see `audit.rs`.
CREATE TABLE audit_log (
    id         {id}   NOT NULL,
    at         {time} NOT NULL,
    actor_id   {id},           -- none: the server, or somebody unknown
    key_id     {id},           -- the API key the actor used, if any
    action     {text} NOT NULL, -- the operation's name, mostly
    target     {text} NOT NULL, -- such as `user:018f…`
    reason     {text},
    before     {json},
    after      {json},
    request_id {id}   NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at, id);
CREATE INDEX audit_log_by_target ON audit_log (target, at, id);
CREATE INDEX audit_log_by_action ON audit_log (action, at, id);
