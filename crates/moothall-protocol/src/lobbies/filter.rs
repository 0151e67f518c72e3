//! Which lobbies: one language for listing them and for watching a list.
//!
//! A filter is an object whose fields are those of a [`LobbySummary`](super::LobbySummary), each with a rule of its own kind, beside
//! `all`, `any` and `not` for filters within filters. Whatever is given must hold:
//!
//! ```json
//! { "status": { "is": "waiting" }, "free_seats": { "least": 1 }, "has_password": false,
//!   "any": [{ "tags": { "any": ["eu"] } }, { "properties": { "region": { "in": ["eu", "uk"] } } }] }
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostKind, LobbyAccess, LobbyStatus};
use crate::{LobbyId, Timestamp, UserId, limits};

/// Lets lobbies pass for which all that is given holds; one of nothing lets all pass. What a lobby does not have, such as a map that is
/// not chosen yet, is like nothing: only `not` holds for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LobbyFilter {
    /// All of these let it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX))]
    pub all: Option<Vec<LobbyFilter>>,
    /// One of these lets it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX))]
    pub any: Option<Vec<LobbyFilter>>,
    /// This does not let it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<LobbyFilter>>,
    /// Each of these words stands in its name, its mode, its map or one of its tags, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))]
    pub text: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ChoiceRule<LobbyId>>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TextRule>,
    /// The game mode, by its slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TextRule>,
    /// The map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<TextRule>,
    /// Who hosts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<ChoiceRule<UserId>>,
    /// Whose machine hosts the game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_kind: Option<ChoiceRule<HostKind>>,
    /// What it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ChoiceRule<LobbyStatus>>,
    /// Who may come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<ChoiceRule<LobbyAccess>>,
    /// Whether one needs a password to come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_password: Option<bool>,
    /// Whether only those come in who are invited or have the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_locked: Option<bool>,
    /// Whether its matches count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_rated: Option<bool>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<TagsRule>,
    /// Players who have a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<RangeRule<u32>>,
    /// Bots that have a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bots: Option<RangeRule<u32>>,
    /// Members without a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectators: Option<RangeRule<u32>>,
    /// Of these, who waits for a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<RangeRule<u32>>,
    /// Seats there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<RangeRule<u32>>,
    /// Seats nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_seats: Option<RangeRule<u32>>,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<RangeRule<Timestamp>>,
    /// What it is set to, by name, as far as everybody may know. Arrays and objects are like nothing, but exist.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, PropertyRule>,
}

/// A rule for a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// It is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))]
    pub is: Option<String>,
    /// It is not this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))]
    pub not: Option<String>,
    /// It is one of these.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX), inner(length(max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX)))]
    pub one_of: Option<Vec<String>>,
    /// This stands in it, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))]
    pub contains: Option<String>,
}

/// A rule for what is one of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "{T}Rule")]
pub struct ChoiceRule<T> {
    /// It is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<T>,
    /// It is not this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<T>,
    /// It is one of these.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX))]
    pub one_of: Option<Vec<T>>,
}

/// A rule for what is more or less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "{T}Range")]
pub struct RangeRule<T> {
    /// It is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<T>,
    /// It is this or more; of times, this or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<T>,
    /// It is this or less; of times, this or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<T>,
}

/// A rule for tags. They are kept in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagsRule {
    /// It has one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub any: Option<Vec<String>>,
    /// It has all of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub all: Option<Vec<String>>,
    /// It has none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX), inner(length(min = 1, max = limits::LOBBY_TAG_LENGTH_MAX)))]
    pub none: Option<Vec<String>>,
}

/// A text, a number, or yes or no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LobbyScalar {
    /// A text.
    Text(#[schemars(length(max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))] String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// A rule for something that a lobby is set to, whatever its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropertyRule {
    /// Whether there is anything of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// It is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<LobbyScalar>,
    /// It is not this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<LobbyScalar>,
    /// It is one of these.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_ITEMS_MAX))]
    pub one_of: Option<Vec<LobbyScalar>>,
    /// It is a number, and this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// It is a number, and this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// It is a text, and this stands in it, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LOBBY_FILTER_TEXT_LENGTH_MAX))]
    pub contains: Option<String>,
}

impl<T> Default for ChoiceRule<T> {
    fn default() -> Self {
        Self { is: None, not: None, one_of: None }
    }
}

impl<T> Default for RangeRule<T> {
    fn default() -> Self {
        Self { is: None, least: None, most: None }
    }
}
