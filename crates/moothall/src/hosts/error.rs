//! Why an operation on hosts was refused.

crate::faults! {
    /// Why an operation on hosts was refused.
    pub enum Error {
        /// There is no pool of this name.
        NoSuchPool => Conflict, "no_such_host_pool", "there is no such pool of hosts";
        /// The pool has no hosts of this version.
        VersionRefused => Conflict, "host_version_refused", "this pool has no hosts of this version";
        /// The pool has no hosts in this region.
        RegionRefused => Conflict, "host_region_refused", "this pool has no hosts in this region";
        /// The pool has as many hosts as it may have, see `GET /v1/limits`.
        PoolFull => Conflict, "host_pool_full", "this pool has too many hosts";
        /// Matches are reserved on hosts of the pool: it stays until they are over.
        PoolInUse => Conflict, "host_pool_in_use", "matches run on hosts of this pool";
        /// There are so many pools, see `GET /v1/limits`.
        TooManyPools => Conflict, "too_many_host_pools", "there are too many pools of hosts";
        /// Matches are reserved on the host: it stays in its pool until they are over.
        HasMatches => Conflict, "host_has_matches", "matches are reserved on this host in another pool";
        /// The caller is in no pool, or not any more: `hosts.register` comes first.
        NotRegistered => Conflict, "host_not_registered", "register this host first";
        /// No healthy host has a free place for this mode and version.
        NoHost => Conflict, "no_host", "no host is free for this match";
    }
}
