-- What staff tells many: the words, which the inboxes refer to. See `notifications/broadcasts.rs`.
CREATE TABLE broadcasts (
    id           {id}   NOT NULL,
    text         {text} NOT NULL,
    texts        {json} NOT NULL, -- by language
    params       {json} NOT NULL,
    segment      {json} NOT NULL,
    run_at       {time} NOT NULL,
    expires_at   {time} NOT NULL,
    job_id       {id}   NOT NULL, -- no foreign key: jobs that are done are forgotten
    cancelled_at {time},
    written      {i64},           -- how far it reached, remembered when it is taken out of the inboxes
    seen         {i64},
    dismissed    {i64},
    settled_at   {time},          -- it is in no inbox any more
    created_at   {time} NOT NULL,
    created_by   {id},            -- none: the server
    CONSTRAINT broadcasts_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX broadcasts_by_time ON broadcasts (created_at, id);
CREATE INDEX broadcasts_unsettled ON broadcasts (id) WHERE settled_at IS NULL;

-- The inboxes of users. See `notifications.rs`.
CREATE TABLE notifications (
    user_id      {id}   NOT NULL,
    id           {id}   NOT NULL,
    kind         {text} NOT NULL,
    params       {json},          -- none: those of the broadcast
    text         {text},          -- none: that of the broadcast
    collapse_key {text},          -- one of a kind and key in an inbox
    times        {i64}  NOT NULL, -- how many came together in this one since it was seen
    broadcast_id {id},
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    seen_at      {time},
    dismissed_at {time},          -- put away; the row stays until it expires, so that reach can be counted
    CONSTRAINT notifications_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT notifications_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES broadcasts (id)
) {strict};
CREATE UNIQUE INDEX notifications_collapsed ON notifications (user_id, kind, collapse_key)
    WHERE collapse_key IS NOT NULL;
CREATE UNIQUE INDEX notifications_of_broadcast ON notifications (broadcast_id, user_id)
    WHERE broadcast_id IS NOT NULL;
CREATE INDEX notifications_by_time ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unseen ON notifications (user_id) WHERE seen_at IS NULL AND dismissed_at IS NULL;
CREATE INDEX notifications_by_end ON notifications (expires_at);
