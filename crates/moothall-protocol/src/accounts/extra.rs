//! Extra data of a user: what a game or a tool wants to keep, by key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::REASON;
use crate::{Timestamp, UserId, limits};

/// Who may read an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Whoever is signed in.
    Public,
    /// The user and their friends.
    Friends,
    /// The user.
    Owner,
    /// Staff and hosts, and not even the user.
    Staff,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extra {
    /// Its key.
    pub key: String,
    /// Who may read it.
    pub audience: Audience,
    /// Staff or a host wrote it, and only they may change it.
    pub is_protected: bool,
    /// What it says.
    pub value: Value,
    /// Counts its changes.
    pub version: i64,
    /// The last change.
    pub updated_at: Timestamp,
}

/// The entries of a user that the caller may read, by key. There are few, so there is one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtraList {
    /// The entries, without what they say.
    pub items: Vec<ExtraEntry>,
}

/// One entry, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtraEntry {
    /// Its key.
    pub key: String,
    /// Who may read it.
    pub audience: Audience,
    /// Staff or a host wrote it, and only they may change it.
    pub is_protected: bool,
    /// Counts its changes.
    pub version: i64,
    /// The last change.
    pub updated_at: Timestamp,
}

/// Lists the extra data of a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListExtra {
    /// The user.
    pub user_id: UserId,
}

/// Asks for an entry of a user's extra data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetExtra {
    /// The user.
    pub user_id: UserId,
    /// The key.
    #[schemars(length(min = 1, max = limits::EXTRA_KEY_LENGTH_MAX), regex(pattern = EXTRA_KEY))]
    pub key: String,
}

/// Writes an entry of a user's extra data: one's own, or with the permission `users.edit` or `host` anybody's.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutExtra {
    /// The user.
    pub user_id: UserId,
    /// The key.
    #[schemars(length(min = 1, max = limits::EXTRA_KEY_LENGTH_MAX), regex(pattern = EXTRA_KEY))]
    pub key: String,
    /// What it says: any JSON of bounded size and depth.
    pub value: Value,
    /// Who may read it; without this as it was, and for a new one its owner.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// Only if this is still the newest version; 0 if there must be no such entry yet.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why, for the audit log: asked of staff who does this to somebody else.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Takes an entry of a user's extra data away.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteExtra {
    /// The user.
    pub user_id: UserId,
    /// The key.
    #[schemars(length(min = 1, max = limits::EXTRA_KEY_LENGTH_MAX), regex(pattern = EXTRA_KEY))]
    pub key: String,
    /// Only if this is still the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why, for the audit log: asked of staff who does this to somebody else.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// What keys look like.
pub const EXTRA_KEY: &str = "^[a-z0-9][a-z0-9_.-]*$";
