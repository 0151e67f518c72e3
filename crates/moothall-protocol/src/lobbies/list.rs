//! Finding lobbies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{HostKind, LobbyAccess, LobbyStatus, OwnLobby};
use crate::{Cursor, LobbyId, Timestamp, UserId, limits};

/// A lobby, as those see it who are not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbySummary {
    /// Its id.
    pub id: LobbyId,
    /// Counts its changes.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The game mode, by its slug.
    pub mode: String,
    /// The map, once one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Who hosts it.
    pub host_id: UserId,
    /// Whose machine hosts the game.
    pub host_kind: HostKind,
    /// What it is at.
    pub status: LobbyStatus,
    /// Who may come in.
    pub access: LobbyAccess,
    /// Whether one needs a password to come in.
    pub has_password: bool,
    /// Whether only those come in who are invited or have the code.
    pub is_locked: bool,
    /// Whether its matches count.
    pub is_rated: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Players who have a seat.
    pub players: u32,
    /// Bots that have a seat.
    pub bots: u32,
    /// Members without a seat.
    pub spectators: u32,
    /// Of these, who waits for a seat.
    pub queued: u32,
    /// Seats there are.
    pub seats: u32,
    /// Seats nobody has.
    pub free_seats: u32,
    /// What it is set to, as far as everybody may know.
    pub properties: Map<String, Value>,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// In which order lobbies are listed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LobbyOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The one with the most players first.
    Players,
    /// The one with the most free seats first.
    FreeSeats,
    /// By name.
    Name,
}

/// Lists lobbies for which all that is given holds. Those that are only for the invited are listed for who is in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListLobbies {
    /// Of one of these modes.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX)))]
    pub mode: Vec<String>,
    /// On one of these maps.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX)))]
    pub map: Vec<String>,
    /// At one of these.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub status: Vec<LobbyStatus>,
    /// Whether one needs a password.
    #[serde(default)]
    pub has_password: Option<bool>,
    /// Whether it is locked.
    #[serde(default)]
    pub is_locked: Option<bool>,
    /// Whether its matches count.
    #[serde(default)]
    pub is_rated: Option<bool>,
    /// So many free seats, at least.
    #[serde(default)]
    #[schemars(range(max = limits::LOBBY_SEATS_MAX))]
    pub free_seats_min: Option<u32>,
    /// So many players, at least.
    #[serde(default)]
    #[schemars(range(max = limits::LOBBY_SEATS_MAX))]
    pub players_min: Option<u32>,
    /// So many players, at most.
    #[serde(default)]
    #[schemars(range(max = limits::LOBBY_SEATS_MAX))]
    pub players_max: Option<u32>,
    /// With this in its name, whatever the case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_NAME_LENGTH_MAX))]
    pub name_contains: Option<String>,
    /// With one of these tags.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags_any: Vec<String>,
    /// With all of these tags.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags_all: Vec<String>,
    /// With none of these tags.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags_none: Vec<String>,
    /// In which order; without it, the newest first.
    #[serde(default)]
    pub order: Option<LobbyOrder>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Reads a lobby as those see it who are not in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetLobby {
    /// Which.
    pub lobby_id: LobbyId,
}

/// Reads a lobby that the caller is in or hosts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewLobby {
    /// Which.
    pub lobby_id: LobbyId,
}

/// The lobby the caller is in, and those they host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyLobbies {}

/// The lobby a user is in, and those they host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnLobbies {
    /// The lobby the user is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lobby: Option<Box<OwnLobby>>,
    /// Lobbies that the user hosts as a dedicated host: `lobbies.view` shows them.
    #[serde(default)]
    pub hosted: Vec<LobbyId>,
}
