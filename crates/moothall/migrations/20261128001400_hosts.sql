-- Pools of hosts, the hosts in them, and what is reserved on each. See `hosts.rs`.

CREATE TABLE host_pools (
    id      {id}   NOT NULL,
    slug    {text} NOT NULL,
    pool    {json} NOT NULL,
    version {i64}  NOT NULL,
    CONSTRAINT host_pools_pkey PRIMARY KEY (id),
    CONSTRAINT host_pools_slug UNIQUE (slug)
) {strict};

-- The key is the account: a host is in one pool at a time.
CREATE TABLE game_hosts (
    user_id {id}   NOT NULL,
    pool_id {id}   NOT NULL,
    host    {json} NOT NULL, -- see `Record` in `hosts/pool.rs`
    CONSTRAINT game_hosts_pkey PRIMARY KEY (user_id),
    CONSTRAINT game_hosts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT game_hosts_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES host_pools (id)
) {strict};
CREATE INDEX game_hosts_by_pool ON game_hosts (pool_id);

-- The key is the match: it has one place.
CREATE TABLE host_reservations (
    match_id {id}   NOT NULL,
    host_id  {id}   NOT NULL,
    pool_id  {id}   NOT NULL,
    reserved {json} NOT NULL, -- see `Reserved` in `hosts/pool.rs`
    CONSTRAINT host_reservations_pkey PRIMARY KEY (match_id),
    CONSTRAINT host_reservations_host_id_fkey FOREIGN KEY (host_id) REFERENCES game_hosts (user_id),
    CONSTRAINT host_reservations_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES host_pools (id)
) {strict};
CREATE INDEX host_reservations_by_pool ON host_reservations (pool_id);
CREATE INDEX host_reservations_by_host ON host_reservations (host_id);
