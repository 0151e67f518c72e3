//! What hosts, players and staff say of a match.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{MatchLeftWhy, MatchReport};
use crate::audit::REASON;
use crate::{MatchId, Timestamp, UserId, limits};

/// Says where to connect: for the host of a match. The match runs from then on. Said again, it says where to connect from now on.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyMatch {
    /// Which.
    pub match_id: MatchId,
    /// Where to connect.
    #[serde(default)]
    #[schemars(length(max = limits::MATCH_ADDRESSES_MAX), inner(length(min = 1, max = limits::MATCH_ADDRESS_LENGTH_MAX)))]
    pub addresses: Vec<String>,
    /// What else one needs to connect, at most 2 KiB of JSON.
    #[serde(default)]
    pub connection: Map<String, Value>,
}

/// What became of somebody in a running match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MatchMemberChange {
    /// They came, or came back.
    Joined {
        /// Who.
        user_id: UserId,
    },
    /// They left.
    Left {
        /// Who.
        user_id: UserId,
        /// How.
        why: MatchLeftWhy,
        /// What there is to say about it.
        #[serde(default)]
        #[schemars(length(max = limits::MATCH_NOTE_LENGTH_MAX))]
        note: Option<String>,
        /// When, if it is told late.
        #[serde(default)]
        at: Option<Timestamp>,
    },
}

/// Says what became of members: for the host of a running match. Updates have numbers, from 1, and are taken in their order: one that was
/// taken before changes nothing and is answered as it was, one that skips a number is refused (`match_update_gap`). So a host that lost the
/// server sends again what was not answered, and all of it arrives once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMatch {
    /// Which.
    pub match_id: MatchId,
    /// The number of this update.
    #[schemars(range(min = 1, max = limits::SOCKET_REQUEST_ID_MAX))]
    pub update: u64,
    /// What happened, in its order.
    #[serde(default)]
    #[schemars(length(max = limits::MATCH_CHANGES_MAX))]
    pub changes: Vec<MatchMemberChange>,
}

/// How far the updates of a match are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedMatch {
    /// The number of the last update that was taken.
    pub update: u64,
}

/// Says that a match is over without saying how it ended: for its host. The lobby goes back to waiting. Of a match that a player hosts,
/// players may still say how it ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndMatch {
    /// Which.
    pub match_id: MatchId,
}

/// Aborts a match, which then counts for nothing: for its host, and staff. A player says that they want it aborted; it is once more than
/// half of the players do, within a time of its beginning.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbortMatch {
    /// Which.
    pub match_id: MatchId,
    /// Why. Staff must say so.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Says how a match ended. From a dedicated host with its key that is how it ended. Where a player hosts, or a dedicated host is lost, each
/// player says it, and it is confirmed once more than half of them say the same; if they contradict each other staff decides. The same
/// again is answered as before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportMatch {
    /// Which.
    pub match_id: MatchId,
    /// What there is to say.
    pub report: MatchReport,
}

/// Says how a match ended where that is not confirmed: for staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideMatch {
    /// Which.
    pub match_id: MatchId,
    /// What there is to say.
    pub report: MatchReport,
    /// Why; it is kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Says that a match ended otherwise than was confirmed: for its dedicated host, with its key and soon after, and for staff. Earlier
/// versions are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectMatch {
    /// Which.
    pub match_id: MatchId,
    /// What there is to say.
    pub report: MatchReport,
    /// Why; it is kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
    /// Only if this is still the version of the match.
    #[serde(default)]
    pub if_version: Option<i64>,
}

crate::hide! {
    ReadyMatch { match_id, addresses; connection }
}
