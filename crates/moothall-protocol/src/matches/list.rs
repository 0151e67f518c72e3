//! Finding matches, and what they were to users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MatchLeftWhy, MatchResult, MatchStatus, MemberResult, OwnMatch, ResultStatus};
use crate::lobbies::HostKind;
use crate::{Cursor, LobbyId, MatchId, PartyId, Timestamp, UserId, limits};

/// Reads a match. Who is in it also sees what only they know.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetMatch {
    /// Which.
    pub match_id: MatchId,
}

/// Reads all that was ever confirmed of how a match ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMatchResults {
    /// Which.
    pub match_id: MatchId,
}

/// What was confirmed of how a match ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchResults {
    /// The first version first; the last one holds.
    pub items: Vec<MatchResult>,
}

/// Reads the matches that the caller plays, watches or hosts at this moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyMatches {}

/// A match that the user hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostedMatch {
    /// Which. `matches.get` shows it.
    pub match_id: MatchId,
    /// What it is at.
    pub status: MatchStatus,
    /// The number of the last `matches.update` that was taken.
    pub update: u64,
}

/// The matches of a user that are on, or whose result is awaited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnMatches {
    /// Those that the user plays or watches: the newest first, and of these the first five.
    #[serde(default)]
    pub playing: Vec<OwnMatch>,
    /// Those that the user hosts: the newest first, and of these the first hundred.
    #[serde(default)]
    pub hosted: Vec<HostedMatch>,
}

/// In which order matches are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// What a match was to the user whose history is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserOutcome {
    /// They won.
    Won,
    /// They lost.
    Lost,
    /// It was a draw.
    Draw,
}

/// Lists matches for which all that is given holds. Those from lobbies that were only for the invited are listed for who was in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMatches {
    /// That this user played or watched: their history.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// That all of these played or watched, too. Only together with `user_id`.
    #[serde(default)]
    #[schemars(length(max = limits::MATCHES_WITH_MAX))]
    pub with: Vec<UserId>,
    /// That were this to the user. Only together with `user_id`.
    #[serde(default)]
    pub outcome: Option<UserOutcome>,
    /// Of this mode.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::GAME_MODE_SLUG_LENGTH_MAX))]
    pub mode: Option<String>,
    /// On this map.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_MAP_LENGTH_MAX))]
    pub map: Option<String>,
    /// At this.
    #[serde(default)]
    pub status: Option<MatchStatus>,
    /// Whose result is at this.
    #[serde(default)]
    pub result_status: Option<ResultStatus>,
    /// Whether they count.
    #[serde(default)]
    pub is_rated: Option<bool>,
    /// That this user hosted: to be seen by whoever may see their history.
    #[serde(default)]
    pub host_id: Option<UserId>,
    /// Of this lobby.
    #[serde(default)]
    pub lobby_id: Option<LobbyId>,
    /// With this tag.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX))]
    pub tag: Option<String>,
    /// From lobbies that started at this time or later.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// From lobbies that started before this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// In which order.
    #[serde(default)]
    pub order: Option<MatchOrder>,
    /// How many.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
    /// Where the page before ended.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// What a match was to one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRow {
    /// Who.
    pub user_id: UserId,
    /// The number of their team; who has none watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<u32>,
    /// The party they came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_id: Option<PartyId>,
    /// What it was to them, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<MemberResult>,
    /// When they left before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// How they left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_why: Option<MatchLeftWhy>,
}

/// A match in a list. `matches.get` reads all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchSummary {
    /// Its id.
    pub id: MatchId,
    /// Counts its changes.
    pub version: i64,
    /// The lobby it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lobby_id: Option<LobbyId>,
    /// Its name.
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
    /// What it is at.
    pub status: MatchStatus,
    /// What its result is at.
    pub result_status: ResultStatus,
    /// When the lobby started.
    pub created_at: Timestamp,
    /// Since when it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended or was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Teams that somebody or a bot was in.
    pub team_count: u32,
    /// Players and bots of the largest team.
    pub team_size: u32,
    /// Players.
    pub player_count: u32,
    /// What it was to the user whose history is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRow>,
}

/// Reads what came of the matches that two users played together and against each other. Aborted ones do not count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadHeadToHead {
    /// The one.
    pub user_id: UserId,
    /// The other.
    pub other_id: UserId,
}

/// Matches, by what they were to the one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// All of which it is known.
    pub played: u64,
    /// The one won.
    pub won: u64,
    /// The one lost.
    pub lost: u64,
    /// Nobody won.
    pub draw: u64,
}

/// What came of matches of one mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TallyOfMode {
    /// The mode, by its slug.
    pub mode: String,
    /// In the same team.
    pub together: Tally,
    /// In different teams.
    pub against: Tally,
}

/// What came of the matches of two users, as the one of them sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadToHead {
    /// In the same team.
    pub together: Tally,
    /// In different teams.
    pub against: Tally,
    /// The same by mode, by its slug.
    pub modes: Vec<TallyOfMode>,
}
