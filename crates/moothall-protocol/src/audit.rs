//! The audit log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, AuditId, Cursor, RequestId, Timestamp, UserId, limits};

/// What a reason looks like: there is something in it beside space.
pub const REASON: &str = r"\S";

/// Lists the audit log, newest first. Filters that are absent let everything pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAudit {
    /// Only what this user did.
    #[serde(default)]
    pub actor_id: Option<UserId>,
    /// Only what was done to this, such as `user:018f…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub target: Option<String>,
    /// Only this action.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub action: Option<String>,
    /// Only from this time on.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Only up to this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLine {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who; absent for the server itself.
    pub actor_id: Option<UserId>,
    /// With which API key, if with one.
    pub api_key_id: Option<ApiKeyId>,
    /// What, mostly the name of an operation.
    pub action: String,
    /// To what, such as `user:018f…`.
    pub target: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was before.
    pub before: Option<serde_json::Value>,
    /// What it is since.
    pub after: Option<serde_json::Value>,
    /// The request.
    pub request_id: RequestId,
}
