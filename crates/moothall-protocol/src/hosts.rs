//! Hosts: machines that run games, in pools, and the room they keep for matches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{Cursor, MatchId, Timestamp, UserId, limits};

/// How a pool, a mode, a version or a region may be written: it stands in addresses and in lists.
const SLUG: &str = "^[A-Za-z0-9][A-Za-z0-9_.+-]*$";
/// What an address or a label may not hold: what cannot be seen.
///
/// Written out, since not every dialect of regular expressions that reads our documents knows classes such as `\p{C}`.
const VISIBLE: &str =
    r"^[^\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+$";

/// Hosts that are alike to whoever needs one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostPool {
    /// Names it. Never changes.
    pub slug: String,
    /// As it is shown.
    pub name: String,
    /// The game modes it serves; without any, all.
    pub modes: Vec<String>,
    /// The versions its hosts may have; without any, all.
    pub versions: Vec<String>,
    /// The regions its hosts may be in; without any, all.
    pub regions: Vec<String>,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// All pools, by slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostPools {
    /// The pools.
    pub items: Vec<HostPool>,
}

/// Lists all pools.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListHostPools {}

/// Makes a pool, or changes it. Hosts that are there stay; what they may be counts when they register.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutHostPool {
    /// Names it.
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG))]
    pub slug: String,
    /// As it is shown.
    #[schemars(length(min = 1, max = limits::HOST_POOL_NAME_LENGTH_MAX), regex(pattern = VISIBLE))]
    pub name: String,
    /// The game modes it serves; without any, all.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_POOL_ENTRIES_MAX), inner(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG)))]
    pub modes: Vec<String>,
    /// The versions its hosts may have; without any, all.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_POOL_ENTRIES_MAX), inner(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG)))]
    pub versions: Vec<String>,
    /// The regions its hosts may be in; without any, all.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_POOL_ENTRIES_MAX), inner(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG)))]
    pub regions: Vec<String>,
    /// Only if this is still its version; 0 if there must be none yet.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes a pool away, and its hosts out of it. One with reservations stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveHostPool {
    /// Which.
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub slug: String,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// How a host says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostHealth {
    /// It takes matches.
    #[default]
    Healthy,
    /// It plays to the end what it has, and takes nothing new: it is about to stop.
    Draining,
    /// Something is wrong with it: it takes nothing new until it says otherwise.
    Unhealthy,
}

/// How a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It takes matches.
    Healthy,
    /// It takes nothing new.
    Draining,
    /// It takes nothing new until it says otherwise.
    Unhealthy,
    /// It was not heard of for too long. What it has is kept for a while; it comes back by registering.
    Lost,
}

/// Registers the caller as a host in a pool: the first thing a host says, also after a restart. What is reserved on it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterHost {
    /// The pool, by its slug.
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub pool: String,
    /// The version of the game it runs.
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG))]
    pub version: String,
    /// Where it is.
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX), regex(pattern = SLUG))]
    pub region: String,
    /// Where clients reach it, the best first.
    #[schemars(length(min = 1, max = limits::HOST_ADDRESSES_MAX), inner(length(min = 1, max = limits::HOST_ADDRESS_LENGTH_MAX), regex(pattern = VISIBLE)))]
    pub addresses: Vec<String>,
    /// Matches it runs at once.
    #[schemars(range(min = 1, max = limits::HOST_CAPACITY_MAX))]
    pub capacity: u32,
    /// What else is to be known of it, such as `gpu` or `build=1200`.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_LABELS_MAX), inner(length(min = 1, max = limits::HOST_LABEL_LENGTH_MAX), regex(pattern = VISIBLE)))]
    pub labels: Vec<String>,
    /// The matches it runs at this moment. What is reserved on it and not among them is given back; without this all is kept.
    #[serde(default)]
    #[schemars(length(max = limits::HOST_CAPACITY_MAX))]
    pub running: Option<Vec<MatchId>>,
}

/// Says that the host is there, and how it is. Due every `beat_ms`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeatHost {
    /// How it is; without this, as before.
    #[serde(default)]
    pub health: Option<HostHealth>,
    /// How busy it is, in percent; without this, as before.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub load: Option<u32>,
}

/// A place for a match on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reservation {
    /// For which match.
    pub match_id: MatchId,
    /// On which host.
    pub host_id: UserId,
    /// In which pool.
    pub pool: String,
    /// The game mode.
    pub mode: String,
    /// Where clients reach it, the best first.
    pub addresses: Vec<String>,
    /// The region it is in.
    pub region: String,
    /// The version of the game it runs.
    pub version: String,
    /// Since when.
    pub reserved_at: Timestamp,
}

/// A host, as it sees itself and staff sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// The account it signs in with.
    pub user_id: UserId,
    /// The pool, by its slug.
    pub pool: String,
    /// The version of the game it runs.
    pub version: String,
    /// Where it is.
    pub region: String,
    /// Where clients reach it, the best first.
    pub addresses: Vec<String>,
    /// Matches it runs at once.
    pub capacity: u32,
    /// What else is to be known of it.
    pub labels: Vec<String>,
    /// How it stands.
    pub state: HostState,
    /// How busy it says it is, in percent.
    pub load: u32,
    /// What is reserved on it, the oldest first.
    pub reservations: Vec<Reservation>,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it was last heard of; since a restart of the server, at the soonest.
    pub seen_at: Timestamp,
    /// Milliseconds after which the next `hosts.beat` is due.
    pub beat_ms: u64,
}

/// The caller, as a host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyHost {}

/// Lists hosts, by account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListHosts {
    /// Only of this pool.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub pool: Option<String>,
    /// Hosts on this page.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
    /// The place to go on from.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// Why something is no longer reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseWhy {
    /// The match needs it no longer.
    Released,
    /// The host registered again, and does not run it.
    NotRunning,
    /// The host was lost and did not come back in time.
    Lost,
}

/// Something is no longer reserved on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationEnded {
    /// For which match.
    pub match_id: MatchId,
    /// On which host.
    pub host_id: UserId,
    /// How it came.
    pub why: ReleaseWhy,
}

/// The host was not heard of for too long, or its pool is no more: it has to register again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostLost {
    /// The pool, by its slug.
    pub pool: String,
    /// Until when what is reserved on it is kept; without this it is in no pool any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}
