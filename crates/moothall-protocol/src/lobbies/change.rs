//! What may be changed of a lobby, by its host, its bosses and its members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LobbyAccess, OnHostLoss, TeamsShape};
use crate::audit::REASON;
use crate::{LobbyBotId, LobbyId, UserId, limits};

/// Changes what a lobby is set to: three merge patches (RFC 7396), in which `null` takes something away.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LobbyPropertiesChange {
    /// Shown in lists, too.
    #[serde(default)]
    pub public: Map<String, Value>,
    /// For those in the lobby.
    #[serde(default)]
    pub members: Map<String, Value>,
    /// For the host alone.
    #[serde(default)]
    pub host: Map<String, Value>,
}

/// Changes a lobby; what is absent stays as it is. For the host; bosses may lock it and change map, teams and tags. Staff may, too.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Its name.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// Who may come in.
    #[serde(default)]
    pub access: Option<LobbyAccess>,
    /// The password one needs to come in; an empty one takes it away.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
    /// Whether only those come in who are invited or have the code.
    #[serde(default)]
    pub is_locked: Option<bool>,
    /// The map.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
    pub map: Option<String>,
    /// The teams. Who has no seat any more goes to the front of the queue.
    #[serde(default)]
    pub teams: Option<TeamsShape>,
    /// Whether its matches count.
    #[serde(default)]
    pub is_rated: Option<bool>,
    /// Whether members may become bosses. Without it there are none any more.
    #[serde(default)]
    pub has_bosses: Option<bool>,
    /// What becomes of it when the host is gone.
    #[serde(default)]
    pub on_host_loss: Option<OnHostLoss>,
    /// Words to find it by.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_TAGS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub tags: Option<Vec<String>>,
    /// What it is set to.
    #[serde(default)]
    pub properties: Option<LobbyPropertiesChange>,
    /// Only if this is still its version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Asks for another map. Done at once for bosses and the host, and for a player who is alone; else it calls a vote. Where there are
/// bosses, only they and the host decide. The map that is set already changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLobbyMap {
    /// Where.
    pub lobby_id: LobbyId,
    /// Which map.
    #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
    pub map: String,
}

/// Closes a lobby. For the host, and for staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Why. Those in it read it; staff must say it, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Gives a lobby another code: the one before lets nobody in any more. For the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewLobbyCode {
    /// Which.
    pub lobby_id: LobbyId,
}

/// Invites somebody, who may then come in whenever they want. For bosses and the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteToLobby {
    /// Where.
    pub lobby_id: LobbyId,
    /// Whom.
    pub user_id: UserId,
}

/// Takes an invite back. For bosses and the host. Harmless if there is none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UninviteFromLobby {
    /// From where.
    pub lobby_id: LobbyId,
    /// Whom.
    pub user_id: UserId,
}

/// Lets somebody in who asks. For the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveLobbyRequest {
    /// Where.
    pub lobby_id: LobbyId,
    /// Who asks.
    pub user_id: UserId,
}

/// Does not let somebody in who asks. They hear of it, and ask again in a while at the earliest. For the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectLobbyRequest {
    /// Where.
    pub lobby_id: LobbyId,
    /// Who asks.
    pub user_id: UserId,
}

/// Takes a seat, in another team too. For oneself; bosses and the host also seat others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeSeat {
    /// Where.
    pub lobby_id: LobbyId,
    /// In which team, by its number from 1; without it, in the one with the fewest players.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::LOBBY_TEAMS_MAX))]
    pub team: Option<u32>,
    /// Whom, if not oneself.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

/// Gives the seat back, or leaves the queue, and watches. For oneself; bosses and the host also unseat others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spectate {
    /// Where.
    pub lobby_id: LobbyId,
    /// Whom, if not oneself.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

/// Waits for a seat, and has one at once if one is free. Whoever has one gives it to whoever waits first. Who waits already keeps
/// their place.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueForSeat {
    /// Where.
    pub lobby_id: LobbyId,
}

/// Changes what a member says of themselves. What is absent stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateSelf {
    /// Where.
    pub lobby_id: LobbyId,
    /// Whether they are ready. Only who has a seat can be.
    #[serde(default)]
    pub is_ready: Option<bool>,
    /// The role they want to play, one of the mode's; an empty one takes it away.
    #[serde(default)]
    #[schemars(length(max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub role: Option<String>,
    /// A merge patch (RFC 7396) of what else they say.
    #[serde(default)]
    pub properties: Option<Map<String, Value>>,
}

/// Brings a bot into a seat. For players; it goes when they go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLobbyBot {
    /// Where.
    pub lobby_id: LobbyId,
    /// Its name.
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: String,
    /// In which team, by its number from 1; without it, in the one with the fewest players.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::LOBBY_TEAMS_MAX))]
    pub team: Option<u32>,
    /// How it plays.
    #[serde(default)]
    pub properties: Option<Map<String, Value>>,
}

/// A bot that was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddedLobbyBot {
    /// Which.
    pub bot_id: LobbyBotId,
}

/// Changes a bot; what is absent stays as it is. For whoever brought it, bosses and the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateLobbyBot {
    /// Where.
    pub lobby_id: LobbyId,
    /// Which.
    pub bot_id: LobbyBotId,
    /// Its name.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// A merge patch (RFC 7396) of how it plays.
    #[serde(default)]
    pub properties: Option<Map<String, Value>>,
}

/// Takes a bot away. For whoever brought it, bosses and the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveLobbyBot {
    /// Where.
    pub lobby_id: LobbyId,
    /// Which.
    pub bot_id: LobbyBotId,
}

/// Makes a member a boss, or one no longer. For bosses and the host; where there is no boss, a vote may make one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLobbyBoss {
    /// Where.
    pub lobby_id: LobbyId,
    /// Whom.
    pub user_id: UserId,
    /// Whether they are a boss from now on.
    pub is_boss: bool,
}

/// Asks all who have a seat whether they are ready. For bosses and the host. Who does not answer in time watches from then on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckLobbyReady {
    /// Where.
    pub lobby_id: LobbyId,
}

/// Starts the countdown. For bosses and the host. While it runs, seats stay as they are; if a player leaves, it is called off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Milliseconds of the countdown, 0 for none; without it, as the operator has set.
    #[serde(default)]
    #[schemars(range(max = limits::LOBBY_COUNTDOWN_MS_MAX))]
    pub countdown_ms: Option<u32>,
}

/// Calls the countdown off. For bosses and the host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelLobbyStart {
    /// Which.
    pub lobby_id: LobbyId,
}

crate::hide! {
    LobbyPropertiesChange { public; members, host }
    UpdateLobby {
        lobby_id, name, access, is_locked, map, teams, is_rated, has_bosses, on_host_loss, tags, if_version, reason;
        password, properties
    }
}
