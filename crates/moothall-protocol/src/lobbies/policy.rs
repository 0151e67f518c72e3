//! Lobbies that the server opens by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TeamsShape;
use super::mode::SLUG;
use crate::audit::REASON;
use crate::{LobbyId, MatchId, limits};

/// How many open lobbies of which kind the server keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyPolicy {
    /// Names it. Never changes.
    pub slug: String,
    /// What its lobbies are called; `{n}` stands for a number.
    pub name: String,
    /// The game mode, by its slug.
    pub mode: String,
    /// So many of its lobbies are open: players gather there, and a seat is free.
    pub open_min: u32,
    /// The pool of hosts from which one is taken when a game starts, by its slug; without it, the games of its lobbies run elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The version the host must have; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_version: Option<String>,
    /// Regions for the host, the best first.
    pub regions: Vec<String>,
    /// The teams; without it, as the mode says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<TeamsShape>,
    /// The map a lobby begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Whether its matches count.
    pub is_rated: bool,
    /// Words to find its lobbies by.
    pub tags: Vec<String>,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// All policies, by slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyPolicies {
    /// The policies.
    pub items: Vec<LobbyPolicy>,
}

/// Lists all policies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListLobbyPolicies {}

/// Makes a policy, or changes it. Lobbies in which somebody is stay as they are; empty ones are opened anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutLobbyPolicy {
    /// Names it.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX), regex(pattern = SLUG))]
    pub slug: String,
    /// What its lobbies are called; `{n}` stands for a number.
    #[schemars(length(min = 1, max = limits::LOBBY_POLICY_NAME_LENGTH_MAX))]
    pub name: String,
    /// The game mode, by its slug.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub mode: String,
    /// So many of its lobbies are open.
    #[schemars(range(min = 1, max = limits::LOBBY_POLICY_OPEN_MAX))]
    pub open_min: u32,
    /// The pool of hosts from which one is taken when a game starts; without it, the games of its lobbies run elsewhere.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub pool: Option<String>,
    /// The version the host must have.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub game_version: Option<String>,
    /// Regions for the host, the best first.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_POOL_ENTRIES_MAX), inner(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX)))]
    pub regions: Vec<String>,
    /// The teams; without it, as the mode says.
    #[serde(default)]
    pub teams: Option<TeamsShape>,
    /// The map a lobby begins with.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
    pub map: Option<String>,
    /// Whether its matches count; without it, they do.
    #[serde(default)]
    pub is_rated: Option<bool>,
    /// Words to find its lobbies by.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags: Vec<String>,
    /// Only if this is still its version; 0 if there must be none yet.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes a policy away. Its empty lobbies close at once, others when they are empty.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveLobbyPolicy {
    /// Which.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub slug: String,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Why a game does not start, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostMissing {
    /// No host is free. One may try again at once.
    NoHost,
    /// The host is gone.
    HostLost,
}

/// There is no host for the game of a lobby, or not any more: players gather again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyUnhosted {
    /// Which.
    pub lobby_id: LobbyId,
    /// The match that was to be played, or was.
    pub match_id: MatchId,
    /// Why.
    pub reason: HostMissing,
}
