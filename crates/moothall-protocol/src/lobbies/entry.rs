//! Opening a lobby, coming in, and having to go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostKind, LobbyAccess, LobbyPropertiesChange, LobbyRequest, OnHostLoss, OwnLobby, TeamsShape};
use crate::audit::REASON;
use crate::{LobbyId, UserId, limits};

/// Opens a lobby. A player who hosts it takes the first seat, and must be in no other lobby. A party that follows them comes along, as with
/// `lobbies.join`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLobby {
    /// Its name.
    #[schemars(length(min = 1, max = limits::LOBBY_NAME_LENGTH_MAX))]
    pub name: String,
    /// The game mode, by its slug.
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub mode: String,
    /// Whose machine hosts the game; without it, the caller's, who plays along. A dedicated host needs the permission `host`.
    #[serde(default)]
    pub host_kind: Option<HostKind>,
    /// What becomes of it when the host is gone; without it a player's lobby migrates, and a dedicated host's closes.
    #[serde(default)]
    pub on_host_loss: Option<OnHostLoss>,
    /// Who may come in; without it, everybody.
    #[serde(default)]
    pub access: Option<LobbyAccess>,
    /// The password one needs to come in.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
    /// The map.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
    pub map: Option<String>,
    /// The teams; without it, as the mode says.
    #[serde(default)]
    pub teams: Option<TeamsShape>,
    /// Whether its matches count; without it, they do.
    #[serde(default)]
    pub is_rated: Option<bool>,
    /// Whether members may become bosses; without it, they may not.
    #[serde(default)]
    pub has_bosses: Option<bool>,
    /// Words to find it by.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags: Vec<String>,
    /// What it is set to.
    #[serde(default)]
    pub properties: Option<LobbyPropertiesChange>,
}

/// What somebody who joins wants to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatWish {
    /// Watch.
    #[default]
    Spectate,
    /// Play: take a seat if one is free, else wait for one.
    Play,
}

/// Joins a lobby. Joining twice is as once. Whoever leads a party that follows them brings along those members who are connected and in no
/// other lobby: all of them come in or nobody does (`party_does_not_fit`), in one team if there is one with so many seats.
///
/// Who may not is told the first of these that holds: `already_in_lobby`, `lobby_banned`, then for whoever is not invited
/// `lobby_locked`, `lobby_wrong_password` and, where the host approves, the request; and at last `lobby_full`. A lobby that is only
/// for the invited is not there for others.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Its password, if it has one.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
    /// What to do there; without it, watch.
    #[serde(default)]
    pub wish: Option<SeatWish>,
    /// Why; staff must say it to come in where others may not, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Joins the lobby that has this code, as if invited.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinLobbyByCode {
    /// The code; small letters will do.
    #[schemars(length(min = limits::LOBBY_CODE_LENGTH, max = limits::LOBBY_CODE_LENGTH))]
    pub code: String,
    /// What to do there; without it, watch.
    #[serde(default)]
    pub wish: Option<SeatWish>,
}

/// What came of the wish to join: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyEntry {
    /// The lobby, as the caller sees it now that they are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnLobby>,
    /// The request that the host has to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<LobbyRequest>,
    /// Members of the party that follows the caller who did not come along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stayed: Vec<StayedBehind>,
}

/// Why somebody did not come along with their party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StayedWhy {
    /// They are not connected.
    Offline,
    /// They are in another lobby.
    InLobby,
    /// The lobby does not let them in: they are banned, or it is for the invited only.
    NotLetIn,
    /// The host has to let them in, and was asked in their name.
    Asked,
}

/// A member of a party who did not come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StayedBehind {
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub why: StayedWhy,
}

/// The user's party went into a lobby, and the user did not come along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyStayedBehind {
    /// Into which.
    pub lobby_id: LobbyId,
    /// Who leads the party.
    pub leader_id: UserId,
    /// Why.
    pub why: StayedWhy,
}

/// Leaves a lobby. If it was the host, another member hosts it, or it closes: see `on_host_loss`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveLobby {
    /// Which.
    pub lobby_id: LobbyId,
}

/// Removes a member at once. For bosses and the host; others may call a vote.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KickFromLobby {
    /// From where.
    pub lobby_id: LobbyId,
    /// Whom. Who is not there can be banned all the same.
    pub user_id: UserId,
    /// For how many seconds they may not come back; without it they may at once.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::LOBBY_BAN_SECONDS_MAX))]
    pub ban_seconds: Option<u32>,
    /// Why. Whoever is removed reads it, and nobody else; staff must say it, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Ends a ban from a lobby. For bosses and the host. Harmless if there is none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnbanFromLobby {
    /// From which lobby.
    pub lobby_id: LobbyId,
    /// Whose.
    pub user_id: UserId,
}

crate::hide! {
    OpenLobby {
        name, mode, host_kind, on_host_loss, access, map, teams, is_rated, has_bosses, tags; password, properties
    }
    JoinLobby { lobby_id, wish, reason; password }
    JoinLobbyByCode { wish; code }
}
