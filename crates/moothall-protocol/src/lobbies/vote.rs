//! Votes in a lobby.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LobbyId, Timestamp, UserId, limits};

/// What is voted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VoteSubject {
    /// Whether to play another map.
    Map {
        /// Which.
        #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
        map: String,
    },
    /// Whether a member is a boss from now on.
    Boss {
        /// Who.
        user_id: UserId,
    },
    /// Whether a member is removed.
    Kick {
        /// Who.
        user_id: UserId,
        /// For how many seconds they may not come back; without it they may at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = limits::LOBBY_BAN_SECONDS_MAX))]
        ban_seconds: Option<u32>,
    },
    /// Whether to start.
    Start,
}

/// What one says in a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoteChoice {
    /// For it.
    Yes,
    /// Against it.
    No,
    /// Neither; it counts as having voted.
    Abstain,
}

/// A vote that is open.
///
/// Those vote who had a seat when it was called, but for whoever it is about. It ends as soon as it is decided: passed when no further
/// votes could make the no as many as the yes, failed when they could not make the yes more. When its time is over it has passed if
/// at least half have voted, those who abstain among them, and the yes are more than the no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyVote {
    /// Counts the votes of the lobby.
    pub number: i64,
    /// What is voted on.
    pub subject: VoteSubject,
    /// Who called it, and so voted yes.
    pub called_by: UserId,
    /// Until when one may vote.
    pub ends_at: Timestamp,
    /// Who votes.
    pub voters: Vec<UserId>,
    /// What they have said. Whoever leaves abstains.
    pub choices: BTreeMap<UserId, VoteChoice>,
}

/// How a vote ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoteOutcome {
    /// It is done.
    Passed,
    /// It is not done.
    Failed,
    /// Whoever called it, or may decide by themselves, took it back, or whom it was about has left.
    Cancelled,
}

/// A vote that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedVote {
    /// Its number.
    pub number: i64,
    /// What was voted on.
    pub subject: VoteSubject,
    /// Who called it.
    pub called_by: UserId,
    /// How it ended.
    pub outcome: VoteOutcome,
    /// How many were for it.
    pub yes: u32,
    /// How many were against it.
    pub no: u32,
    /// How many were neither.
    pub abstained: u32,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Calls a vote. For players, who have a seat; one vote is open at a time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallLobbyVote {
    /// Where.
    pub lobby_id: LobbyId,
    /// On what.
    pub subject: VoteSubject,
}

/// Votes, or votes otherwise than before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CastLobbyVote {
    /// Where.
    pub lobby_id: LobbyId,
    /// In which vote, so that nobody's word counts for another one.
    #[schemars(range(min = 1))]
    pub number: i64,
    /// What.
    pub choice: VoteChoice,
}

/// Ends the open vote without an outcome. For whoever called it, bosses and the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelLobbyVote {
    /// Where.
    pub lobby_id: LobbyId,
}
