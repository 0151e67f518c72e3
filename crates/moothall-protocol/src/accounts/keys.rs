//! API keys of hosts and tools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{ApiKeyId, Timestamp, UserId, limits};

/// What a key is for; decides how its sessions are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A game host, or a tool.
    #[default]
    Host,
    /// A bot.
    Bot,
}

/// Makes an API key. The answer holds its secret, which is shown once.
///
/// A key acts as its user, within its scopes and within what that user may do at the moment. It has no say over the account
/// itself: passwords, sessions and keys need a session (`session_needed`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// As whom it acts: a bot; absent: as the caller.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// What it is called, for the one who looks for it in a list later.
    #[schemars(length(min = 1, max = limits::KEY_NAME_LENGTH_MAX))]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub kind: Option<KeyKind>,
    /// What it may do at most: it never may what its user may not.
    #[schemars(length(max = limits::PERMISSIONS_MAX), inner(length(min = 1, max = limits::PERMISSION_LENGTH_MAX)))]
    pub scopes: Vec<String>,
    /// Until when it is good, to the microsecond; absent: until it is revoked. Soon after, it is gone from lists.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Why, for the audit log: asked of whoever does this to somebody else.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// A new API key with its secret.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedKey {
    /// The key.
    pub id: ApiKeyId,
    /// What to send in `X-Api-Key`: `moothall_host_…`. Shown now, and never again.
    pub secret: String,
    /// All else about it.
    pub key: ApiKey,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// As whom it acts.
    pub user_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub kind: KeyKind,
    /// What it may do at most.
    pub scopes: Vec<String>,
    /// Who made it; absent: the server itself.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
}

/// Lists API keys: the caller's own; staff may ask for those of anybody.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListKeys {
    /// Whose; absent: the caller's own.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

/// The API keys of one user. There are few, so there is one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeys {
    /// The keys, oldest first.
    pub items: Vec<ApiKey>,
}

/// Ends an API key: one's own, or with the permission anybody's. What it has open closes at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// Which.
    pub key_id: ApiKeyId,
    /// Why, for the audit log: asked of whoever does this to somebody else.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Makes a bot: an account without a password that acts by API keys. The caller answers for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBot {
    /// The name others see.
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: String,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Signs access tokens with a new key, and takes back those there were. All access tokens are void at once; clients get another
/// for their refresh token. Sessions and sockets stay.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSigningKeys {
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

crate::hide! {
    CreatedKey { id, key; secret }
}
