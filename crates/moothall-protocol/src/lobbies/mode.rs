//! Game modes: what a lobby may look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::REASON;
use crate::limits;

/// How a mode, a map, a role or a tag may be written: it stands in addresses and in lists.
pub(super) const SLUG: &str = "^[a-z0-9][a-z0-9_.-]*$";

/// How many teams there may be, and how large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeTeams {
    /// Teams, at least.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAMS_MAX))]
    pub count_min: u32,
    /// Teams, at most.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAMS_MAX))]
    pub count_max: u32,
    /// Seats of a team, at least.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAM_SIZE_MAX))]
    pub size_min: u32,
    /// Seats of a team, at most.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAM_SIZE_MAX))]
    pub size_max: u32,
    /// The teams of a new lobby that does not say.
    pub default: TeamsShape,
}

/// Teams of the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamsShape {
    /// How many teams.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAMS_MAX))]
    pub count: u32,
    /// How many seats each has.
    #[schemars(range(min = 1, max = limits::LOBBY_TEAM_SIZE_MAX))]
    pub size: u32,
}

/// A game mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GameMode {
    /// Names it in lobbies. Never changes.
    pub slug: String,
    /// As it is shown.
    pub name: String,
    /// The teams.
    pub teams: ModeTeams,
    /// Roles that players may choose; without any there are none.
    pub roles: Vec<String>,
    /// The maps there are; without any every map will do.
    pub maps: Vec<String>,
    /// Members without a seat, at most.
    pub spectators_max: u32,
    /// Players who must have a seat before a game starts.
    pub players_min: u32,
    /// Whether bots may play along.
    pub allows_bots: bool,
    /// Whether one may take a seat while the game runs.
    pub joins_running: bool,
    /// Whether all who have a seat must be ready before a game starts.
    pub needs_ready: bool,
    /// A JSON Schema (2020-12) of what a lobby is set to: an object with the fields `public`, `members` and `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// Counts its changes.
    pub version: i64,
}

/// The game modes there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GameModes {
    /// By slug.
    pub items: Vec<GameMode>,
}

/// Lists the game modes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListGameModes {}

/// Makes a game mode, or changes it for lobbies that open from now on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutGameMode {
    /// Which.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX), regex(pattern = SLUG))]
    pub slug: String,
    /// As it is shown.
    #[schemars(length(min = 1, max = limits::LOBBY_NAME_LENGTH_MAX))]
    pub name: String,
    /// The teams.
    pub teams: ModeTeams,
    /// Roles that players may choose.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX)))]
    pub roles: Vec<String>,
    /// The maps there are; without any every map will do.
    #[serde(default)]
    #[schemars(length(max = limits::GAME_MODE_MAPS_MAX), inner(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX)))]
    pub maps: Vec<String>,
    /// Members without a seat, at most.
    #[schemars(range(max = limits::LOBBY_SPECTATORS_MAX))]
    pub spectators_max: u32,
    /// Players who must have a seat before a game starts; without it, one.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::LOBBY_TEAM_SIZE_MAX))]
    pub players_min: Option<u32>,
    /// Whether bots may play along; without it, not.
    #[serde(default)]
    pub allows_bots: Option<bool>,
    /// Whether one may take a seat while the game runs; without it, not.
    #[serde(default)]
    pub joins_running: Option<bool>,
    /// Whether all who have a seat must be ready before a game starts; without it, not.
    #[serde(default)]
    pub needs_ready: Option<bool>,
    /// A JSON Schema (2020-12) of what a lobby is set to: of an object with the fields `public`, `members` and `host`.
    #[serde(default)]
    pub properties: Option<Map<String, Value>>,
    /// Only if this is still its version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; it is kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes away a game mode. Lobbies that are open keep it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveGameMode {
    /// Which.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub slug: String,
    /// Why; it is kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
