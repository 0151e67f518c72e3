//! How a match ended: what is said of it, and what was made of that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ApiKeyId, Timestamp, UserId, limits};

/// What the result of a match is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// Nobody has said how it ended.
    None,
    /// Players have said how it ended, too few to be sure.
    Reported,
    /// It is known how it ended.
    Confirmed,
    /// Players contradict each other: staff decides.
    Disputed,
}

/// How a match ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MatchOutcome {
    /// These teams won and the others lost. Without any team all have lost.
    Won {
        /// The numbers of the teams.
        #[schemars(length(max = limits::LOBBY_TEAMS_MAX), inner(range(min = 1, max = limits::LOBBY_TEAMS_MAX)))]
        teams: Vec<u32>,
    },
    /// Nobody won, and nobody lost.
    Draw,
    /// It was played, and there was nothing to win.
    None,
}

/// What is said of one player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayerReport {
    /// Who.
    pub user_id: UserId,
    /// Milliseconds of the game after which they were out of it; without it they played to the end.
    #[serde(default)]
    #[schemars(range(max = 2_592_000_000_u64))]
    pub left_after_ms: Option<u64>,
    /// Whatever the game counts, at most 1,024 bytes of JSON.
    #[serde(default)]
    pub stats: Map<String, Value>,
}

/// What is said of a match that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchReport {
    /// How it ended.
    pub outcome: MatchOutcome,
    /// What there is to say of players. Nothing needs to be said of any.
    #[serde(default)]
    #[schemars(length(max = limits::MATCH_MEMBERS_MAX))]
    pub players: Vec<PlayerReport>,
    /// Whatever the game counts of the match as a whole, at most 8 KiB of JSON.
    #[serde(default)]
    pub stats: Map<String, Value>,
    /// Milliseconds that the game took, as the game counts.
    #[serde(default)]
    #[schemars(range(max = 2_592_000_000_u64))]
    pub duration_ms: Option<u64>,
    /// Where the replay is to be found.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::MATCH_REPLAY_LENGTH_MAX))]
    pub replay: Option<String>,
}

/// Who says how a match ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultBy {
    /// Its dedicated host, by its key.
    Host,
    /// So many players that it counts.
    Quorum,
    /// Staff.
    Staff,
}

/// How a match ended, as one version of it says. A correction makes another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchResult {
    /// Counts the versions, from 1. The last one holds.
    pub version: i64,
    /// How it ended.
    pub outcome: MatchOutcome,
    /// Who says so.
    pub by: ResultBy,
    /// The user behind it, of whom it came alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The key with which it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<ApiKeyId>,
    /// Why it was decided or corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What the game counted of the match as a whole.
    pub stats: Map<String, Value>,
    /// Milliseconds that the game took, as the game counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Where the replay is to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}
