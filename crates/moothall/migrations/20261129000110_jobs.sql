-- Work beside the calls, done step by step. See `jobs.rs`.
CREATE TABLE jobs (
    id          {id}   NOT NULL,
    kind        {text} NOT NULL,
    unique_key  {text},          -- one unfinished job of a kind and key at most
    state       {json} NOT NULL, -- what is to be done, and how far that is
    status      {text} NOT NULL, -- waiting, done, dead, cancelled
    run_at      {time},          -- while it waits: its next step, or when whoever took it must have died
    attempts    {i64}  NOT NULL, -- at the next step
    failure     {text},
    created_at  {time} NOT NULL,
    created_by  {id},            -- none: the server
    finished_at {time},
    version     {i64}  NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (id)
) {strict};
CREATE UNIQUE INDEX jobs_unfinished ON jobs (kind, unique_key) WHERE run_at IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE run_at IS NOT NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_time ON jobs (created_at, id);
