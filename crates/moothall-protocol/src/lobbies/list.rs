//! Finding lobbies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{HostKind, LobbyAccess, LobbyFilter, LobbyScalar, LobbyStatus, OwnLobby};
use crate::{Cursor, LobbyId, Timestamp, UserId, WatchId, limits};

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

/// In which order lobbies are listed. Of those that are equal in it, the one with the lower id is first.
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

/// By what lobbies are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LobbyFacet {
    /// The game mode.
    Mode,
    /// The map.
    Map,
    /// What it is at.
    Status,
    /// Who may come in.
    Access,
    /// Whose machine hosts the game.
    HostKind,
    /// Whether one needs a password to come in.
    HasPassword,
    /// Whether only those come in who are invited or have the code.
    IsLocked,
    /// Whether its matches count.
    IsRated,
    /// Its tags. One with several counts for each.
    Tags,
}

/// Lists lobbies that a filter lets pass. Those that are only for the invited are listed for who is in them. Over HTTP `filter` is JSON
/// in the query.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListLobbies {
    /// Which; without it, all.
    #[serde(default)]
    pub filter: Option<LobbyFilter>,
    /// In which order; without it, the newest first.
    #[serde(default)]
    pub order: Option<LobbyOrder>,
    /// By what those that the filter lets pass are counted, on whichever page they are.
    #[serde(default)]
    #[schemars(length(max = limits::LOBBY_FACETS_MAX))]
    pub facets: Vec<LobbyFacet>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// One page of a list of lobbies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyPage {
    /// The lobbies, in the order of the list.
    pub items: Vec<LobbySummary>,
    /// Where the next page begins; `null` on the last one.
    pub next: Option<Cursor>,
    /// What was counted, as far as it was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<LobbyFacet, Vec<LobbyFacetCount>>,
}

/// How many lobbies have a value. Of one facet the most frequent values are told, the most frequent first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyFacetCount {
    /// The value, as a filter would say it.
    pub value: LobbyScalar,
    /// How many have it.
    pub count: u32,
}

/// Watches the list of lobbies that a filter lets pass. The answer is a snapshot; what becomes different in it follows as
/// `lobbies.list_updated`, at most four times a second. A session watches one list: another takes its place. A watch ends with the
/// stream of the calling session: watch again after `session.ready` or `session.stale`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchLobbies {
    /// Which; without it, all.
    #[serde(default)]
    pub filter: Option<LobbyFilter>,
    /// In which order; without it, the newest first.
    #[serde(default)]
    pub order: Option<LobbyOrder>,
    /// How many of them, at most: the first ones in this order.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// A watched list, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyWatch {
    /// The watch. Whoever watches the same list has the same.
    pub watch_id: WatchId,
    /// The version of this snapshot.
    pub version: u64,
    /// The lobbies, in the order asked for.
    pub lobbies: Vec<LobbySummary>,
}

/// Ends the watch of the calling session. Harmless if there is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnwatchLobbies {}

/// A watched list is different from before. Versions go up, and not by one: what is not higher than the copy's is an old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyListUpdated {
    /// The watch.
    pub watch_id: WatchId,
    /// The version of the list after this.
    pub version: u64,
    /// Whether these are all there are, in place of whatever the copy holds: so it is when a client reads so slowly that several
    /// differences would wait for it, and when the user sees more or less than before.
    pub is_whole: bool,
    /// The lobbies that changed or came into the list, as they are now, and `null` for those that are in it no longer.
    pub lobbies: BTreeMap<LobbyId, Option<LobbySummary>>,
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
