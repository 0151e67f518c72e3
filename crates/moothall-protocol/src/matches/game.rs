//! A match, as those in it see it, and what they hear of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{MatchResult, ResultStatus};
use crate::lobbies::HostKind;
use crate::{LobbyBotId, LobbyId, MatchId, PartyId, RoomId, Timestamp, UserId};

/// What a match is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchStatus {
    /// A host is to be found for it.
    Reserved,
    /// Its host knows of it, and will say where to connect.
    Starting,
    /// It is played.
    Running,
    /// It was played.
    Ended,
    /// It came to nothing, and counts for nothing.
    Aborted,
}

/// Why a match came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbortWhy {
    /// Its host said so.
    Host,
    /// Staff said so.
    Staff,
    /// More than half of its players said so, soon after it began.
    Players,
    /// No host was found for it.
    NoHost,
    /// Its host did not say in time where to connect.
    NotReady,
    /// Its host was gone and did not come back.
    HostLost,
    /// Its lobby was closed.
    LobbyClosed,
    /// Nobody said how it ended, for longer than any match may take.
    TooLong,
}

/// How a match came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchAborted {
    /// Why.
    pub why: AbortWhy,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How somebody left a running match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchLeftWhy {
    /// On purpose.
    Quit,
    /// Their game crashed.
    Crash,
    /// They were removed.
    Kicked,
    /// The connection was lost.
    Disconnected,
}

/// That somebody left a running match, as its host saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchLeft {
    /// When.
    pub at: Timestamp,
    /// How.
    pub why: MatchLeftWhy,
    /// What the host says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a match was to one who played it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberResult {
    /// Their team won.
    Won,
    /// Another team won, or none.
    Lost,
    /// Nobody won, and nobody lost.
    Draw,
}

/// One who plays or watches a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchMember {
    /// The number of their team; who has none watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<u32>,
    /// The party they came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_id: Option<PartyId>,
    /// The role they chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What else they had chosen, such as colour or handicap.
    pub properties: Map<String, Value>,
    /// Since when they are in it.
    pub joined_at: Timestamp,
    /// How often the host saw them leave.
    pub departures: u32,
    /// That they left and did not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<MatchLeft>,
    /// Milliseconds of the game after which they were out of it, as the result tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_after_ms: Option<u64>,
    /// What the match was to them, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<MemberResult>,
    /// What the result tells of them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub stats: Map<String, Value>,
}

/// A bot that plays along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchBot {
    /// Who brought it.
    pub owner_id: UserId,
    /// Its name.
    pub name: String,
    /// The number of its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<u32>,
    /// How it plays.
    pub properties: Map<String, Value>,
}

/// What only those in a match know of it, as long as it is played.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchPrivate {
    /// What its lobby was set to for its members.
    pub settings: Map<String, Value>,
    /// Where to connect.
    pub addresses: Vec<String>,
    /// What else one needs to connect.
    pub connection: Map<String, Value>,
}

/// A match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// Its id. Later matches have higher ones.
    pub id: MatchId,
    /// Counts its changes, from 1.
    pub version: i64,
    /// The lobby it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lobby_id: Option<LobbyId>,
    /// Where its players talk, as long as it is on: a room of `communication` like others.
    pub room_id: RoomId,
    /// Its name: what the lobby was called.
    pub name: String,
    /// The game mode, by its slug.
    pub mode: String,
    /// The map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Who hosts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<UserId>,
    /// Whose machine hosts it.
    pub host_kind: HostKind,
    /// Whether it counts.
    pub is_rated: bool,
    /// Whether only those in it know of it, because its lobby was only for the invited.
    pub is_hidden: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What its lobby was set to, for everybody.
    pub settings: Map<String, Value>,
    /// What it is at.
    pub status: MatchStatus,
    /// What its result is at.
    pub result_status: ResultStatus,
    /// When the lobby started.
    pub created_at: Timestamp,
    /// Until when its host must have said where to connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<Timestamp>,
    /// Since when it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended or was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds between the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Teams that somebody or a bot was in.
    pub team_count: u32,
    /// Players and bots of the largest team.
    pub team_size: u32,
    /// Players.
    pub player_count: u32,
    /// Who plays it or watches.
    pub members: BTreeMap<UserId, MatchMember>,
    /// The bots.
    pub bots: BTreeMap<LobbyBotId, MatchBot>,
    /// Until when a host that is gone may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_lost_until: Option<Timestamp>,
    /// Who wants it aborted.
    pub abort_votes: Vec<UserId>,
    /// How it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<MatchAborted>,
    /// Players who have said how it ended.
    pub reported_by: Vec<UserId>,
    /// Until when players may say how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_by: Option<Timestamp>,
    /// How it ended, once that is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<MatchResult>,
    /// What only those in it know, as long as it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<MatchPrivate>,
}

impl Match {
    /// Those who play, with the number of their team.
    pub fn players(&self) -> impl Iterator<Item = (UserId, u32)> {
        self.members.iter().filter_map(|(user, member)| Some((*user, member.team?)))
    }

    /// Whether it is neither ended nor aborted.
    pub fn is_on(&self) -> bool {
        !matches!(self.status, MatchStatus::Ended | MatchStatus::Aborted)
    }

    /// As those see it who are not in it.
    #[must_use]
    pub fn from_outside(mut self) -> Self {
        self.private = None;
        self
    }
}

/// What only the host of a match sees of it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchHostView {
    /// By which the game host knows each member; nothing once the match is over.
    pub tokens: BTreeMap<UserId, String>,
    /// The number of the last `matches.update` that was taken.
    pub update: u64,
}

/// A match, as one who is in it or hosts it sees it.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnMatch {
    /// The match.
    #[serde(rename = "match")]
    pub game: Match,
    /// By which the game host knows this member, as long as it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What only the host sees, for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<MatchHostView>,
}

/// A match is different from before.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchUpdated {
    /// Which.
    pub match_id: MatchId,
    /// Its version after this.
    pub version: i64,
    /// What is different: a merge patch (RFC 7396), in which `null` takes something away. In `matches.updated` it is one of the match, in
    /// `matches.host_updated` of what only the host sees.
    pub patch: Map<String, Value>,
}

crate::hide! {
    MatchPrivate { addresses; settings, connection }
    MatchHostView { update; tokens }
    OwnMatch { game, host; token }
    MatchUpdated { match_id, version; patch }
}
