//! Why an operation on restrictions was refused.

crate::faults! {
    /// Why an operation on restrictions was refused.
    pub enum Error {
        /// So many restrictions of one user hold at the same time, see `GET /v1/limits`: lift one first.
        TooMany => Conflict, "too_many_restrictions", "this user has too many restrictions";
        /// What holds for oneself somebody else has to lift.
        Own => Forbidden, "own_restriction", "somebody else has to lift your restriction";
        /// There is a ban of this already: remove it first.
        Banned => Conflict, "already_banned", "this is banned already";
        /// There are as many bans as there may be, see `GET /v1/limits`.
        TooManyBans => Conflict, "too_many_bans", "there are too many bans";
    }
}
