//! A lobby, as those in it see it, and what they hear of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{EndedVote, LobbyVote};
use crate::{LobbyBotId, LobbyId, MatchId, RoomId, Timestamp, UserId};

/// Whose machine hosts the game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostKind {
    /// A player's, who is in the lobby like everybody else.
    #[default]
    Player,
    /// A dedicated host's, which is not in the lobby and takes no seat.
    Dedicated,
    /// The server keeps the lobby, by a policy, and takes a host from a pool when a game starts. Until then nobody hosts it: players
    /// decide by votes, and bosses.
    Server,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LobbyAccess {
    /// Everybody, with the password if it has one.
    #[default]
    Open,
    /// Whom the host lets in, one by one.
    Approval,
    /// Who is invited or has the code. To others it is not there.
    InviteOnly,
}

/// What becomes of a lobby whose host is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnHostLoss {
    /// It closes.
    Close,
    /// A boss hosts it, else whoever has had a seat for longest and is connected, else whoever has been here for longest.
    Migrate,
}

/// What a lobby is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LobbyStatus {
    /// Players gather.
    #[default]
    Waiting,
    /// The countdown runs; seats stay as they are.
    Starting,
    /// The game runs.
    Running,
}

/// A lobby, as those in it see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lobby {
    /// Its id.
    pub id: LobbyId,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The game mode, by its slug.
    pub mode: String,
    /// The map, once one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Who hosts it. Where the server keeps the lobby, that is itself as long as no host is taken.
    pub host_id: UserId,
    /// Whose machine hosts the game.
    pub host_kind: HostKind,
    /// What becomes of it when the host is gone.
    pub on_host_loss: OnHostLoss,
    /// The policy by which the server keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Who may come in.
    pub access: LobbyAccess,
    /// Whether one needs a password to come in.
    pub has_password: bool,
    /// Whether only those come in who are invited or have the code.
    pub is_locked: bool,
    /// Whether its matches count.
    pub is_rated: bool,
    /// Whether it has bosses: members who may do much of what the host may.
    pub has_bosses: bool,
    /// Lets in whoever has it, past password, approval and invites.
    pub code: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What it is at.
    pub status: LobbyStatus,
    /// When the countdown ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When the game began that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The match that runs, if the server keeps a record of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_id: Option<MatchId>,
    /// The teams, by number from 1.
    pub teams: BTreeMap<String, LobbyTeam>,
    /// Who waits for a seat, in their order.
    pub queue: Vec<UserId>,
    /// Who is here. Who has no seat watches.
    pub members: BTreeMap<UserId, LobbyMember>,
    /// The bots.
    pub bots: BTreeMap<LobbyBotId, LobbyBot>,
    /// Members who may do much of what the host may, in the order in which they were appointed.
    pub bosses: Vec<UserId>,
    /// What it is set to.
    pub properties: LobbyProperties,
    /// The question whether all are ready, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_check: Option<ReadyCheck>,
    /// The vote that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<LobbyVote>,
    /// The latest votes that ended, the newest last.
    pub ended_votes: Vec<EndedVote>,
    /// The room in which all talk who are here, and its dedicated host: a room of `communication` like others, which opens, follows
    /// and closes with the lobby.
    pub room_id: RoomId,
    /// The room in which those talk who watch. Who takes a seat leaves it, and whoever has played the game that runs comes in when that is
    /// over.
    pub spectators_room_id: RoomId,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// One team. Its seats are taken without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyTeam {
    /// How many seats it has.
    pub size: u32,
    /// Who sits there, by player number from 1.
    pub seats: Vec<LobbySeat>,
}

/// Who has a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LobbySeat {
    /// A player.
    User {
        /// Who.
        user_id: UserId,
    },
    /// A bot.
    Bot {
        /// Which.
        bot_id: LobbyBotId,
    },
}

/// A member of a lobby.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyMember {
    /// Since when they are here.
    pub joined_at: Timestamp,
    /// Since when they have had a seat, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seated_at: Option<Timestamp>,
    /// Whether they are ready.
    pub is_ready: bool,
    /// The role they want to play, one of the mode's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What else they say of themselves, such as colour, handicap or whether their game has all it needs.
    pub properties: Map<String, Value>,
}

/// A bot that plays along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyBot {
    /// Who brought it. It goes when they go.
    pub owner_id: UserId,
    /// Its name.
    pub name: String,
    /// How it plays.
    pub properties: Map<String, Value>,
}

/// What a lobby is set to, for all who are in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyProperties {
    /// Shown in lists, too.
    pub public: Map<String, Value>,
    /// For those in the lobby, such as the address of the game host.
    pub members: Map<String, Value>,
}

/// The question whether all who have a seat are ready. Who does not say so in time watches from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyCheck {
    /// Who asked.
    pub called_by: UserId,
    /// Until when it can be answered.
    pub ends_at: Timestamp,
}

/// What only the host of a lobby sees of it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyHostView {
    /// What it is set to, for the host alone.
    pub properties: Map<String, Value>,
    /// By which the game host knows each member.
    pub secrets: BTreeMap<UserId, String>,
    /// Who asks to be let in.
    pub requests: BTreeMap<UserId, LobbyRequest>,
    /// Who is invited.
    pub invites: Vec<UserId>,
    /// Who may not come in.
    pub bans: BTreeMap<UserId, LobbyBan>,
}

/// Somebody asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyRequest {
    /// Since when.
    pub requested_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// Somebody may not come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyBan {
    /// Until when; without it for as long as there is the lobby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A lobby, as one who is in it or hosts it sees it.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnLobby {
    /// The lobby.
    pub lobby: Lobby,
    /// By which the game host knows this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What only the host sees, for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<LobbyHostView>,
}

/// The user hosts a lobby from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostedLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Its version.
    pub version: i64,
    /// What only the host sees of it.
    pub host: LobbyHostView,
}

/// A lobby is different from before.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyUpdated {
    /// Which.
    pub lobby_id: LobbyId,
    /// Its version after this.
    pub version: i64,
    /// What is different: a merge patch (RFC 7396), in which `null` takes something away. In `lobbies.updated` it is one of the lobby,
    /// in `lobbies.host_updated` of what only the host sees.
    pub patch: Map<String, Value>,
}

/// Why somebody is no longer in a lobby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftWhy {
    /// They left.
    Left,
    /// They were away for too long.
    Gone,
    /// They were removed.
    Kicked,
    /// They were removed and may not come back, until a time if there is one.
    Banned,
    /// The lobby closed.
    Closed,
}

/// The user is no longer in a lobby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyLeft {
    /// Which.
    pub lobby_id: LobbyId,
    /// How it came.
    pub why: LeftWhy,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when they may not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A lobby that a dedicated host hosted is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyClosed {
    /// Which.
    pub lobby_id: LobbyId,
}

/// The user is invited into a lobby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyInvited {
    /// Which.
    pub lobby_id: LobbyId,
    /// Its name.
    pub name: String,
    /// Who invites.
    pub invited_by: UserId,
}

/// What the user asked for is answered with no, or by nobody in time. A yes is told by `lobbies.joined`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyRequestEnded {
    /// Which lobby.
    pub lobby_id: LobbyId,
    /// Whether nobody answered in time.
    pub is_expired: bool,
}

impl Lobby {
    /// The number of the team in which this is a seat.
    pub fn team_of(&self, seat: LobbySeat) -> Option<&str> {
        self.teams.iter().find(|(_, team)| team.seats.contains(&seat)).map(|(number, _)| number.as_str())
    }

    /// How many seats there are.
    pub fn seats(&self) -> usize {
        self.teams.values().map(|team| team.size as usize).sum()
    }

    /// How many seats are taken.
    pub fn seats_taken(&self) -> usize {
        self.teams.values().map(|team| team.seats.len()).sum()
    }

    /// The players who have a seat, team by team.
    pub fn players(&self) -> impl Iterator<Item = UserId> {
        self.teams.values().flat_map(|team| &team.seats).filter_map(|seat| match seat {
            LobbySeat::User { user_id } => Some(*user_id),
            LobbySeat::Bot { .. } => None,
        })
    }
}

crate::hide! {
    LobbyHostView { requests, invites, bans; properties, secrets }
    OwnLobby { lobby, host; secret }
    LobbyUpdated { lobby_id, version; patch }
}
