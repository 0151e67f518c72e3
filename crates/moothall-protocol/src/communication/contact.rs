//! The first contact of two users, and conversations that staff looks into.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Room;
use crate::audit::REASON;
use crate::{Cursor, RoomId, UserId, limits};

/// Somebody wrote to the caller for the first time, who does not let everybody do that. What they write waits until the caller answers;
/// they do not know that it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactRequest {
    /// The conversation. The caller may read what is said in it.
    pub room: Room,
    /// Who wrote.
    pub user_id: UserId,
}

/// Lists the first messages of others that wait for an answer, the latest conversation first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListContactRequests {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// What becomes of a first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactAnswer {
    /// From now on they may write.
    Accept,
    /// Nothing they write comes through, and they do not learn of it.
    Ignore,
    /// The same, and moderators shall look at it.
    Report,
}

/// Answers the first message of somebody. Whoever writes to them has accepted it by that.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerContact {
    /// The conversation.
    pub room_id: RoomId,
    /// What becomes of it.
    pub answer: ContactAnswer,
    /// Of a report: what it is, by the names of `moderation.categories`.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: Option<String>,
}

/// The caller answered the first message of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactAnswered {
    /// The conversation.
    pub room_id: RoomId,
    /// Whether it is one like any other from now on.
    pub is_accepted: bool,
}

/// Reads a part of the history of a conversation that is not the caller's, for staff. Every look stands in the audit log. Give one of
/// `before`, `after` and `around`, or none for the newest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadPrivate {
    /// Which conversation.
    pub room_id: RoomId,
    /// Messages before this `seq`.
    #[serde(default)]
    pub before: Option<i64>,
    /// Messages after this `seq`.
    #[serde(default)]
    pub after: Option<i64>,
    /// Messages around this `seq`.
    #[serde(default)]
    pub around: Option<i64>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
