//! Those with whom somebody played lately.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::UserSummary;
use crate::{Cursor, MatchId, Timestamp, limits};

/// Lists those with whom the caller played in their latest matches, each with the last one they had together, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRecentPlayers {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Somebody with whom one played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecentPlayer {
    /// Who.
    pub user: UserSummary,
    /// The last match together.
    pub match_id: MatchId,
    /// When it began.
    pub played_at: Timestamp,
    /// Whether they were in one team.
    pub was_teammate: bool,
}
