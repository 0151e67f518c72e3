//! Why an operation on parties was refused.

use std::time::Duration;

crate::faults! {
    /// Why an operation on parties was refused.
    pub enum Error {
        /// The caller is in a party and must leave it first, or came to another one in this moment.
        AlreadyInParty => Conflict, "already_in_party", "you are in a party already";
        /// The caller is invited, and not yet a member.
        NotMember => Forbidden, "not_in_party", "you are not in this party";
        /// Only the leader of the party does this; of an invite also whoever sent it, and where `invites_by` says so every member.
        LeaderNeeded => Forbidden, "party_leader_needed", "only the leader of the party can do that";
        /// There is no such invite: it was never sent, is answered, was taken back or has expired.
        NotInvited => Conflict, "not_invited", "there is no such invite into this party";
        /// The player has an invite into this party already.
        AlreadyInvited => Conflict, "already_invited", "this player is invited already";
        /// The player is in this party already.
        AlreadyMember => Conflict, "already_party_member", "this player is in the party already";
        /// The player is not in this party; one who is invited is no member.
        NoSuchMember => Conflict, "not_a_party_member", "this player is not in the party";
        /// Members and invites together are as many as the party may have.
        Full => Conflict, "party_full", "this party is full";
        /// Nobody joins by the code while the party is closed.
        Closed => Forbidden, "party_closed", "this party is closed";
        /// No party has this code.
        CodeUnknown => NotFound, "party_code_unknown", "no party has this code";
        /// Too many wrong codes: `retry_after_ms` says when the next may be tried.
        CodeThrottled { retry_after: Duration } => Limited, "party_code_throttled", "too many wrong codes: wait a moment";
        /// The player is not connected, or does not want to be seen.
        NotOnline => Conflict, "player_offline", "this player is not online";
        /// The player is not there, or does not want to be reached by the caller.
        Unreachable => Forbidden, "player_unreachable", "you cannot invite this player";
        /// A player has so many invites at once, see `GET /v1/limits`.
        TooManyInvites => Conflict, "too_many_party_invites", "this player has too many invites";
    }
}
