//! Balancing the teams of a lobby.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LobbySeat, OwnLobby};
use crate::{LobbyId, limits};

/// Splits those who have a seat into teams that are about as strong, bots among them. Who is in a party stays together, if teams of that
/// size can. The host and bosses do this while nothing starts or runs. The same players have the same splits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalanceLobby {
    /// Which.
    pub lobby_id: LobbyId,
    /// Which of the splits to take, the fairest being 1; without it, that one. If there are fewer, the last.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::LOBBY_SPLITS_MAX))]
    pub choice: Option<u32>,
    /// Only tells the splits, and leaves everybody where they sit.
    #[serde(default)]
    pub is_preview: Option<bool>,
}

/// How the teams of a lobby can be split, and how they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbyBalance {
    /// The fairest splits, the best first.
    pub splits: Vec<LobbySplit>,
    /// Which of them was taken, from 1, unless they were only asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<u32>,
    /// The lobby, as it is now.
    pub own: OwnLobby,
}

/// One way to split the players.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbySplit {
    /// The teams, in their order. Those of a lobby with fewer players than teams that nobody would be in are left out.
    pub teams: Vec<LobbySplitTeam>,
    /// How unfair it is: what the strengths of the teams are away from their average. 0 is perfect.
    pub cost: f64,
}

/// A team of a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LobbySplitTeam {
    /// Who is in it.
    pub seats: Vec<LobbySeat>,
    /// How likely it wins; those of all teams add up to 1.
    pub win_chance: f64,
}
